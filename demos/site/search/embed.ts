// Embeds photos in batches, one after the other, and lets the page breathe between them. A photo that cannot be read
// is marked and does not take its batch with it.
import type { Clip } from "../engine.ts";
import { nextFrame } from "../shell/dom.ts";
import { duration } from "../shell/format.ts";
import { isAbort } from "../shell/messages.ts";
import type { Progress } from "../shell/progress.ts";
import { recovering } from "../shell/recover.ts";
import type { Photo, Photos } from "./photos.ts";

const BATCH = 8;

export interface EmbedEvents {
  /** Some photos are done, well or not. */
  readonly onSome: () => void;
}

/** Embeds all photos that the model has not seen; resolves when none is left or the visitor stopped it. */
export async function embedAll(
  photos: Photos,
  clip: Clip,
  model: string,
  progress: Progress,
  { onSome }: EmbedEvents,
  isCurrent: () => boolean,
): Promise<void> {
  if ((await photos.missing(model)).length === 0) return;
  const signal = progress.start("Looking at the photos");
  const start = performance.now();
  let done = 0;
  try {
    for (;;) {
      const missing = await photos.missing(model);
      const batch = missing.slice(0, BATCH);
      if (batch.length === 0 || !isCurrent()) return;
      await embedBatch(photos, clip, model, batch, signal);
      done += batch.length;
      onSome();
      const each = duration((performance.now() - start) / done);
      progress.update(
        `${done} of ${done + missing.length - batch.length} photos, ${each} each`,
        done / (done + missing.length - batch.length),
      );
      await nextFrame();
    }
  } finally {
    progress.done();
    await photos.flush();
  }
}

async function embedBatch(
  photos: Photos,
  clip: Clip,
  model: string,
  batch: readonly Photo[],
  signal: AbortSignal,
): Promise<void> {
  try {
    const files = batch.map(({ picture }) => picture);
    const { data, shape } = await recovering(() => clip.encodeImage(files, { signal }));
    const width = shape[1] as number;
    for (const [row, photo] of batch.entries()) {
      await photos.embedded(model, photo, data.slice(row * width, (row + 1) * width) as Float32Array);
    }
  } catch (error) {
    const [only] = batch;
    if (isAbort(error) || !["ImageError", "LimitError"].includes((error as Error).name) || !only) throw error;
    const { message } = error as Error;
    if (batch.length === 1) photos.leaveOut(only, message.replace(/^\[image\] the (Blob|File) /, ""));
    else for (const photo of batch) await embedBatch(photos, clip, model, [photo], signal);
  }
}
