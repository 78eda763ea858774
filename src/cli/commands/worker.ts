// `worker --stdio`: embeds blocks of pictures that another program sends, for indexes that one machine does not make.
// stdout has frames alone (pictureIndex/frames.ts); docs/scale.md has the protocol.
import process from "node:process";
import type { Clip } from "../../api/clip.ts";
import { type Context, openClip } from "../context.ts";
import { EXIT } from "../failure.ts";
import { packageVersion } from "../files/paths.ts";
import { type Frame, readFrames, writeFrame } from "../pictureIndex/frames.ts";
import type { IndexModel } from "../pictureIndex/indexTable.ts";
import { embedBlock, readBlock, writeBlock } from "../pictureIndex/workerBlocks.ts";
import { modelOf } from "./indexPictures.ts";

/** Of what the frames hold; a client that knows another one must not go on. */
const PROTOCOL = 1;
/** Blocks under way: the pictures of one are decoded while those of the other are on the GPU. */
const AT_ONCE = 2;

export interface WorkerRequest {
  /** Pictures in one run of the model. */
  readonly batch?: number;
}

export async function worker({ batch }: WorkerRequest, context: Context): Promise<number> {
  using clip = await openClip(context);
  const model = await modelOf(context, clip.dtype);
  const dimensions = (await clip.encodeImage([])).shape[1] as number;
  const version = packageVersion();
  await writeFrame(process.stdout, { protocol: PROTOCOL, version, dimensions, ...model });
  const work = new Blocks(clip, model, dimensions, batch, context.signal);
  const stop = () => process.stdin.destroy();
  context.signal.addEventListener("abort", stop);
  try {
    for await (const frame of readFrames(process.stdin)) {
      if (frame.kind === "arrow") await work.begin(frame.bytes);
      else if (frame.value.stop === true) break;
      else await tell(clip, frame, work);
    }
  } finally {
    context.signal.removeEventListener("abort", stop);
    await work.end();
  }
  return EXIT.OK;
}

/** Answers a frame of JSON. */
async function tell(clip: Clip, frame: Frame, work: Blocks): Promise<void> {
  const asked = frame.kind === "json" ? frame.value : {};
  if ("ping" in asked) {
    await writeFrame(process.stdout, { pong: asked.ping, blocks: work.done, health: await clip.health() });
  } else {
    const error = `nothing is known of ${JSON.stringify(asked).slice(0, 200)}, expected ping or stop`;
    await writeFrame(process.stdout, { error });
  }
}

/** The blocks under way. */
class Blocks {
  /** Blocks that were answered. */
  done = 0;
  readonly #embed: (bytes: Uint8Array) => Promise<Uint8Array>;
  readonly #underWay = new Set<Promise<void>>();
  /** The end of the answer before: frames must not mix. */
  #writing: Promise<void> = Promise.resolve();

  constructor(clip: Clip, model: IndexModel, dimensions: number, batch: number | undefined, signal: AbortSignal) {
    this.#embed = async (bytes) => {
      const block = await readBlock(bytes);
      return writeBlock(block.id, await embedBlock(clip, block, { batch, signal }), model, dimensions);
    };
  }

  /** Begins a block; resolves when there is room for the next. */
  async begin(bytes: Uint8Array): Promise<void> {
    const working = this.#run(Buffer.from(bytes)).finally(() => this.#underWay.delete(working));
    this.#underWay.add(working);
    if (this.#underWay.size >= AT_ONCE) await Promise.race(this.#underWay);
  }

  /** Resolves when all are answered. */
  async end(): Promise<void> {
    await Promise.all(this.#underWay);
    await this.#writing;
  }

  async #run(bytes: Uint8Array): Promise<void> {
    const answer = await this.#embed(bytes).catch((error: Error) => ({ error: `${error.name}: ${error.message}` }));
    this.#writing = this.#writing.then(() => writeFrame(process.stdout, answer));
    await this.#writing;
    this.done++;
  }
}
