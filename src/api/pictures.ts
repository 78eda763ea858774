// From decoded pictures to what a tower gives, on the GPU: a preprocessing plan for each size, and the tower.
import type { NdArray } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import type { RgbaImage } from "../io/image.ts";
import { outputSize, type Preprocessing, preprocess } from "./preprocess.ts";
import type { Session } from "./session.ts";

/** Pictures in one run: more fill a GPU better, and need more memory. */
const PICTURES_PER_RUN = 8;

/** Pictures of [H, W] are copied side by side on the GPU, which takes whole 4-byte words: odd sizes in f16 go alone. */
export function picturesPerRun(session: Session, [H, W]: readonly [number, number]): number {
  return session.dtype === "f16" && (H * W) % 2 ? 1 : PICTURES_PER_RUN;
}

/** The plan that brings a picture of this size to the tower's pixels. */
export function preprocessor(
  session: Session,
  { width, height }: Pick<RgbaImage, "width" | "height">,
  recipe: Preprocessing,
): Promise<Executor> {
  const key = `preprocess ${height} ${width} ${outputSize(recipe, [height, width])}`;
  return session.executor(key, (graph) => {
    const image = graph.input("image", { dtype: "u32", shape: [height, width] });
    graph.output("pixels", preprocess(image, recipe, session.dtype));
  });
}

/** Runs a tower with input "pixels" on pictures; the last one's preprocessing and the tower are one submit. */
export async function runOnPictures(
  session: Session,
  tower: Executor,
  images: readonly RgbaImage[],
  recipe: Preprocessing,
): Promise<Record<string, NdArray>> {
  const steps = await Promise.all(images.map((image) => preprocessor(session, image, recipe)));
  const { gpu } = await session.device();
  const pixels = tower.buffer("pixels");
  const bytes = tower.bytes("pixels") / images.length;
  const encode = (encoder: GPUCommandEncoder, i: number) => {
    const step = steps[i] as Executor;
    const { data } = images[i] as RgbaImage;
    step.write("image", new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    step.encode(encoder);
    // Whole words: the half beyond an odd picture, which goes alone, lies in the padding of both buffers.
    encoder.copyBufferToBuffer(step.buffer("pixels"), 0, pixels, i * bytes, Math.ceil(bytes / 4) * 4);
  };
  for (let i = 0; i < images.length - 1; i++) {
    const encoder = gpu.createCommandEncoder();
    encode(encoder, i);
    gpu.queue.submit([encoder.finish()]);
  }
  return tower.run({}, (encoder) => encode(encoder, images.length - 1));
}
