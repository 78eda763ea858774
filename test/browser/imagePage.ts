// What the page of image.test.ts runs: loadImage on every kind of image that a browser has, made from one picture.
import { type ImageLike, loadImage } from "../../src/io/image/image.ts";

/** An image that was loaded, or the error that came instead. */
export interface Outcome {
  readonly width: number;
  readonly height: number;
  /** RGBA bytes. */
  readonly data: number[];
  /** "name: message", empty when it went well. */
  readonly error: string;
}

/** How the page hands a picture to loadImage. */
export type Way = keyof typeof WAYS;

/** What the page offers to the test. */
export interface ImagePage {
  load(url: string, way: Way): Promise<Outcome>;
}

const fetchBlob = async (url: string) => (await fetch(url)).blob();

async function drawn<T extends HTMLCanvasElement | OffscreenCanvas>(url: string, canvas: T): Promise<T> {
  const bitmap = await createImageBitmap(await fetchBlob(url));
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;
  context.drawImage(bitmap, 0, 0);
  return canvas;
}

const newCanvas = () => new OffscreenCanvas(1, 1);

const WAYS = {
  string: async (url: string) => url,
  URL: async (url: string) => new URL(url),
  Blob: fetchBlob,
  Uint8Array: async (url: string) => new Uint8Array(await (await fetchBlob(url)).arrayBuffer()),
  ArrayBuffer: async (url: string) => (await fetchBlob(url)).arrayBuffer(),
  ImageBitmap: async (url: string) => createImageBitmap(await fetchBlob(url)),
  "img element, not loaded yet": async (url: string) => Object.assign(new Image(), { src: url }),
  "canvas with an img drawn": async (url: string) => {
    const image = Object.assign(new Image(), { src: url });
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.getContext("2d")?.drawImage(image, 0, 0);
    return canvas;
  },
  "canvas element": (url: string) => drawn(url, document.createElement("canvas")),
  OffscreenCanvas: (url: string) => drawn(url, newCanvas()),
  ImageData: async (url: string) => {
    const canvas = await drawn(url, newCanvas());
    return canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) as ImageData;
  },
  VideoFrame: async (url: string) => new VideoFrame(await drawn(url, newCanvas()), { timestamp: 0 }),
} satisfies Record<string, (url: string) => Promise<ImageLike>>;

const page: ImagePage = {
  async load(url, way) {
    try {
      const { width, height, data } = await loadImage(await WAYS[way](url));
      return { width, height, data: [...data], error: "" };
    } catch (error) {
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return { width: 0, height: 0, data: [], error: text };
    }
  },
};

Object.assign(globalThis, { page });
