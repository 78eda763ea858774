// The worker's script: the models themselves, and what a page asks of them by way of comlink.
import { expose, transfer } from "comlink";
import { Clip } from "../api/clip.ts";
import { Dino } from "../api/dino.ts";
import { Sam } from "../api/sam.ts";
import { SamScene } from "../api/samScene.ts";
import { Device } from "../device/device.ts";
import { DisposedError } from "../device/errors.ts";
import type { ImageLike } from "../io/image/image.ts";
import type { SourceLike } from "../io/source/source.ts";
import { toFailure } from "./failure.ts";
import { endHooks, type WorkerHooks, workerHooks } from "./hooks.ts";
import { buffersOf, closePictures } from "./parcel.ts";
import type { Answer, Encoded, Loaded, Thread } from "./protocol.ts";
import { streamInWorker } from "./streamInWorker.ts";

type Model = Clip | Dino | Sam;

const CLASSES = { Clip, Dino, Sam };

const objects = new Map<number, Model | SamScene>();
let count = 0;

function keep(object: Model | SamScene): number {
  objects.set(++count, object);
  return count;
}

function find(id: number): Model | SamScene {
  const object = objects.get(id);
  if (!object) throw new DisposedError("this model or scene was disposed meanwhile");
  return object;
}

const thread: Thread = {
  async hold(lock) {
    if (!navigator.locks) return false;
    await new Promise<void>((held) => {
      const forever = () => new Promise(() => held());
      void navigator.locks.request(lock, forever);
    });
    return true;
  },
  load: (kind, from, options, port) =>
    answer(port, async (hooks) => {
      const model = await CLASSES[kind].fromPretrained(from as SourceLike, { ...options, ...hooks });
      const patch = model instanceof Dino && { patchSize: model.patchSize };
      const { config, dtype, dtypeReason } = model;
      return { id: keep(model), config, dtype, dtypeReason, ...patch } satisfies Loaded<unknown>;
    }),
  call: (id, method, args, options, port) =>
    answer(port, async (hooks) => {
      try {
        const target = find(id) as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
        return described(await target[method]?.(...args, ...(options ? [{ ...options, ...hooks }] : [])));
      } finally {
        closePictures(args);
      }
    }),
  stream(id, options, wishes, port) {
    async function* encode(source: AsyncIterable<unknown>, all: object) {
      const model = find(id) as Clip | Dino;
      yield* model.encodeImages(source as AsyncIterable<ImageLike>, all);
    }
    streamInWorker(encode, options, wishes, port);
  },
  dispose(id) {
    objects.get(id)?.dispose();
    objects.delete(id);
  },
  async destroyDevice(id) {
    const model = objects.get(id) as Model | undefined;
    (await model?.device())?.destroy();
  },
};

/** The result of some work, or how it failed; the buffers of a result are transferred. */
async function answer(port: MessagePort | undefined, work: (hooks: WorkerHooks) => Promise<unknown>): Promise<Answer> {
  const hooks = workerHooks(port);
  try {
    const value = await work(hooks);
    return transfer({ value }, [...buffersOf(value)]);
  } catch (error) {
    return { failure: toFailure(error, hooks.signal) };
  } finally {
    endHooks(port);
  }
}

/** The part of a result that can be sent to the page: all but objects that stand for GPU memory. */
function described(value: unknown): unknown {
  if (value instanceof SamScene) {
    return { id: keep(value), width: value.width, height: value.height } satisfies Encoded;
  }
  if (!(value instanceof Device)) return value;
  const { info, hasF16, hasSubgroups, subgroupSize, hasTimestamps, memory } = value;
  const limits: Record<string, number> = {};
  for (const name in value.limits) limits[name] = value.limits[name as "maxBufferSize"];
  return { info, limits, hasF16, hasSubgroups, subgroupSize, hasTimestamps, memory };
}

expose(thread);
