// Makes small pictures of large ones, in a worker: of a photo of 50 megapixels, scaling alone takes long enough to be
// felt. Messages are { id, picture, side }; the answer is { id, small } or { id, reason }.

export interface ThumbnailRequest {
  readonly id: number;
  readonly picture: Blob;
  /** Width of the small picture. */
  readonly side: number;
}

export interface ThumbnailAnswer {
  readonly id: number;
  /** A JPEG of a few kilobytes. */
  readonly small?: Blob;
  /** Why there is none. */
  readonly reason?: string;
}

async function shrink({ picture, side }: ThumbnailRequest): Promise<Blob> {
  const bitmap = await createImageBitmap(picture, { resizeWidth: side, resizeQuality: "medium" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.82 });
}

addEventListener("message", ({ data }: MessageEvent<ThumbnailRequest>) => {
  const answer = (result: Omit<ThumbnailAnswer, "id">) => postMessage({ id: data.id, ...result });
  shrink(data).then(
    (small) => answer({ small }),
    (error: Error) => answer({ reason: error.message }),
  );
});
