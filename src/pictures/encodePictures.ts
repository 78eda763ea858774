// Pictures through a tower: a single one in one submit, many as a stream. What becomes of the tower's outputs is the
// collector's: they are read back here; keepOnGpu.ts and SAM's scenes leave them on the GPU.
import type { GpuTensor } from "../device/gpuTensor.ts";
import { fromHalfArray } from "../device/half.ts";
import type { NdArray } from "../device/tensor.ts";
import { closePicture, type ImageLike, openImage, type Picture } from "../io/image/image.ts";
import type { ImageSource } from "./decodeAhead.ts";
import type { EncodedPicture, EncodeImagesOptions, ListOptions } from "./encodeOptions.ts";
import type { KeepCore, ViewsOf } from "./keepOnGpu.ts";
import { named } from "./named.ts";
import { PictureRuns } from "./pictureRuns.ts";
import type { Collector, PictureTower } from "./tower.ts";

type Outputs = Readonly<Record<string, NdArray>>;

/** Brings outputs to the host. */
const readBack: Collector<Outputs, Outputs> = {
  isEager: true,
  run: (tower, { record }) => tower.run({}, { before: record }),
  row: (outputs, row) => {
    const rows = Object.entries(outputs).map(([name, { data, shape }]) => {
      const [count = 1, ...rest] = shape;
      const length = data.length / count;
      return [name, { data: data.slice(row * length, (row + 1) * length), shape: [1, ...rest] }] as const;
    });
    return Object.fromEntries(rows);
  },
};

/**
 * Runs a tower on pictures, in their order. Ending the iteration early stops everything and frees what it took.
 *
 * @throws ArgumentError for wrong options or no list; what `onError` would be given, where that is absent; the signal's
 * reason when it was aborted, at once.
 */
export function encodePictures(
  tower: PictureTower,
  source: ImageSource,
  options: EncodeImagesOptions = {},
): AsyncGenerator<EncodedPicture, void, undefined> {
  return streamPictures(tower, readBack, source, options);
}

/** As `encodePictures`, with the caller's collector. */
async function* streamPictures<Batch, Row>(
  tower: PictureTower,
  collector: Collector<Batch, Row>,
  source: ImageSource,
  options: EncodeImagesOptions,
): AsyncGenerator<EncodedPicture<Row>, void, undefined> {
  const { PictureStream } = await import("./pictureStream.ts");
  yield* new PictureStream(tower, collector, source, options).results();
}

/**
 * Runs a tower on all pictures of a list; a single one, with its preprocessing, is one submit. Of an empty list it
 * gives outputs without rows, so that whoever joins the rows need not know.
 */
export async function encodeList(
  tower: PictureTower,
  list: readonly ImageLike[],
  options: ListOptions,
): Promise<Pick<EncodedPicture, "size" | "outputs">[]> {
  return list.length > 0
    ? collectList(tower, readBack, list, options)
    : [await (await import("./encodeNone.ts")).encodeNone(tower)];
}

/** As `encodeList`, with the caller's collector. */
async function collectList<Batch, Row>(
  tower: PictureTower,
  collector: Collector<Batch, Row>,
  list: readonly ImageLike[],
  { signal, onProgress }: ListOptions,
): Promise<EncodedPicture<Row>[]> {
  const report = (done: number) => onProgress?.({ done, total: list.length });
  const [image] = list;
  if (list.length === 1 && image !== undefined) {
    const picture = await openImage(image, signal);
    try {
      const encoded = { index: 0, image, ...(await encodePicture(tower, collector, picture, signal)) };
      report(1);
      return [encoded];
    } catch (error) {
      throw named(error, image);
    } finally {
      closePicture(picture);
    }
  }
  const all: EncodedPicture<Row>[] = [];
  for await (const encoded of streamPictures(tower, collector, list, signal ? { signal } : {})) {
    report(all.push(encoded));
  }
  return all;
}

/** Runs a tower on one decoded picture, in one submit. */
export async function encodePicture<Batch, Row>(
  tower: PictureTower,
  collector: Collector<Batch, Row>,
  picture: Picture,
  signal?: AbortSignal,
): Promise<Pick<EncodedPicture<Row>, "size" | "outputs">> {
  const runs = new PictureRuns(tower, collector, 1, signal);
  try {
    await runs.add(0, picture);
    const { size, outputs } = await runs.run();
    return { size, outputs: collector.row(await outputs, 0) };
  } finally {
    runs.close();
  }
}

const KEEP_CORE: KeepCore = { collectList, fromHalfArray };

/** Runs a tower on pictures and keeps views of its outputs on the GPU. */
export async function encodeKept<Name extends string>(
  tower: PictureTower,
  images: readonly ImageLike[],
  viewsOf: ViewsOf<Name>,
  options: ListOptions,
): Promise<Readonly<Record<Name, GpuTensor>>> {
  const kept = await import("./keepOnGpu.ts");
  return kept.encodeKept(KEEP_CORE, tower, images, viewsOf, options);
}
