// A video that SAM 2 goes through: its objects and their prompts, from frame to frame.
import { ArgumentError } from "../device/errors.ts";
import { isPrompt, wrongPrompt } from "../models/sam/prompts.ts";
import { VideoFrames, type VideoOrigin } from "./videoFrames.ts";
import { type Step, type Tracked, type VideoMask, VideoObjects, type VideoPrompt } from "./videoObjects.ts";

export type { VideoMask, VideoPrompt } from "./videoObjects.ts";

/** What `propagate` finds in a frame. */
export interface VideoFrame<Name> {
  /** Its place in the video, from 0. */
  readonly frame: number;
  /** The masks of the objects, by their names. */
  readonly masks: ReadonlyMap<Name, VideoMask>;
}

/** Options of `SegmentedVideo.addPrompt`. */
export interface VideoPromptOptions {
  /** Give `lowResLogits` too. */
  readonly returnLogits?: boolean | undefined;
  /** Cancels the work: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `SegmentedVideo.propagate`. */
export interface PropagateOptions<Name> extends VideoPromptOptions {
  /** The first frame; the earliest one with a prompt when absent, or the one that came last where frames come once. */
  readonly from?: number | undefined;
  /** Towards the end of the video (when absent), towards its beginning, or to the end and then to the beginning. */
  readonly direction?: "forward" | "backward" | "both" | undefined;
  /** All when absent. */
  readonly objects?: readonly Name[] | undefined;
}

/** A video, from `VideoSegmenter.open`; objects have whatever names the caller gives them. */
export class SegmentedVideo<Name = string | number> {
  /** Pixels across. */
  readonly width: number;
  /** Pixels down. */
  readonly height: number;
  readonly #origin: VideoOrigin;
  readonly #frames: VideoFrames;
  /** What looks for objects in frames. */
  readonly #steps: VideoObjects;
  readonly #objects = new Map<Name, Tracked>();
  /** The end of the work that was begun last: one step at a time writes the buffers. */
  #turn: Promise<void> = Promise.resolve();

  /** @internal */
  constructor(origin: VideoOrigin) {
    this.#origin = origin;
    this.width = origin.width;
    this.height = origin.height;
    this.#frames = new VideoFrames(origin);
    this.#steps = new VideoObjects(origin, this.#frames);
  }

  /** Frames, where each can be asked for; undefined where they come one after the other. */
  get length(): number | undefined {
    return this.#origin.cursor.length;
  }

  /** Bytes of GPU memory that the video has: of a frame, and of each object. They grow with objects alone. */
  get bytes(): number {
    const buffers = [this.#frames.buffers, ...[...this.#objects.values()].map((object) => object.buffers)];
    return buffers.flatMap((some) => Object.values(some)).reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Shows an object in a frame, and gives its mask there. In a frame that was tracked a prompt corrects: what is
   * remembered of the frame is of the corrected mask. Earlier prompts of the object in the frame do not count any more.
   *
   * @throws ArgumentError for a frame that there is not, or a prompt that cannot be meant; ImageError for a frame of
   * another size; DisposedError; DeviceLostError when the device is gone, and the memory with it: open the video again.
   */
  async addPrompt(
    frame: number,
    object: Name,
    prompt: VideoPrompt,
    { returnLogits = false, signal }: VideoPromptOptions = {},
  ): Promise<VideoMask> {
    this.#origin.cursor.check(frame, "a prompt is of");
    await this.#checkPrompt(prompt);
    return this.#inTurn(signal, async (callSignal) => {
      const known = this.#objects.get(object);
      const tracked = known ?? this.#steps.create();
      try {
        const isFirst = !tracked.seen.has(frame);
        const by = prompt.mask ? "mask" : isFirst ? "prompt" : "memory";
        const step: Step = { by, prompt, isFirst, isBackward: false, returnLogits };
        tracked.given.delete(frame); // what follows replaces it, or fails
        const mask = await this.#steps.show(frame, tracked, step, callSignal);
        if (isFirst) tracked.given.set(frame, mask);
        this.#objects.set(object, tracked);
        return mask;
      } catch (error) {
        if (!known) this.#frames.free(tracked.buffers);
        throw error;
      }
    });
  }

  /**
   * Follows objects from frame to frame. Frames with a first prompt give its mask; ending the iteration early is
   * allowed, and what was found is remembered. Where frames come one after the other it goes forward alone, and ends
   * when they do.
   *
   * @throws as `addPrompt`; ArgumentError for an object that has no prompt.
   */
  async *propagate(options: PropagateOptions<Name> = {}): AsyncGenerator<VideoFrame<Name>, void, undefined> {
    const { direction = "forward", returnLogits = false, signal } = options;
    const names = options.objects ?? [...this.#objects.keys()];
    const objects = names.map((name) => [name, this.#known(name)] as const);
    if (objects.length === 0) throw new ArgumentError("there is no object to follow: addPrompt shows one");
    for (const [name, { memory }] of objects) {
      if (memory.isEmpty)
        throw new ArgumentError(`object ${JSON.stringify(name)} has no prompt: addPrompt gives it one`);
    }
    if (!["forward", "backward", "both"].includes(direction)) {
      throw new ArgumentError(`direction is ${JSON.stringify(direction)}, expected "forward", "backward" or "both"`);
    }
    const { cursor } = this.#origin;
    if (direction !== "forward" && cursor.length === undefined) {
      throw new ArgumentError(
        `direction is ${JSON.stringify(direction)}, but these frames come one after the other: open a list of pictures`,
      );
    }
    const earliest = () => Math.min(...objects.flatMap(([, { memory }]) => memory.promptedFrames));
    const { from = cursor.length === undefined ? cursor.index : earliest() } = options;
    cursor.check(from, "from is");
    for (const { frame, isBackward } of inDirection(direction, from, cursor.length)) {
      const masks = await this.#inTurn(signal, async (callSignal) => {
        if (!(await cursor.exists(frame, callSignal))) return undefined;
        const there = objects.filter(([name, tracked]) => this.#objects.get(name) === tracked); // not removed meanwhile
        const followed = there.map(([, tracked]) => tracked).filter(({ given }) => !given.has(frame));
        const byObject = await this.#steps.follow(frame, followed, { isBackward, returnLogits }, callSignal);
        const maskOf = (tracked: Tracked) => (tracked.given.get(frame) ?? byObject.get(tracked)) as VideoMask;
        return new Map(there.map(([name, tracked]) => [name, maskOf(tracked)] as const));
      });
      if (masks === undefined) return;
      yield { frame, masks };
    }
  }

  /** Forgets an object, and frees its memory when the work that was begun is over. */
  removeObject(object: Name): void {
    const { buffers } = this.#known(object);
    this.#objects.delete(object);
    this.#turn = this.#turn.then(() => this.#frames.free(buffers));
  }

  /** Forgets all objects. */
  reset(): void {
    for (const object of [...this.#objects.keys()]) this.removeObject(object);
  }

  /** Frees the memory of the video and of all objects. */
  dispose(): void {
    for (const { buffers } of this.#objects.values()) this.#frames.free(buffers);
    this.#objects.clear();
    this.#frames.dispose();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Runs a call of the session's when the work of those before it is over, aborted or not. */
  #inTurn<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const before = this.#turn;
    let isBegun = false;
    let over = () => {};
    this.#turn = new Promise<void>((resolve) => {
      over = resolve;
    });
    const result = this.#origin.session.call(signal, async (callSignal) => {
      isBegun = true;
      try {
        await before;
        callSignal.throwIfAborted();
        this.#frames.check();
        return await work(callSignal);
      } finally {
        over();
      }
    });
    result.catch(() => {
      if (!isBegun) over(); // the model was disposed of
    });
    return result;
  }

  #known(name: Name): Tracked {
    const tracked = this.#objects.get(name);
    if (tracked) return tracked;
    throw new ArgumentError(`there is no object ${JSON.stringify(name)}: addPrompt shows it in a frame first`);
  }

  async #checkPrompt(prompt: VideoPrompt): Promise<void> {
    const { config } = this.#origin.model;
    const { mask, points, box } = prompt ?? {};
    if (mask === undefined) {
      if (!isPrompt({ points, box }, config)) throw new ArgumentError(await wrongPrompt({ points, box }, config));
      return;
    }
    if (points || box) throw new ArgumentError("a prompt is either a mask, or points and a box");
    if (mask.length !== this.width * this.height) {
      throw new ArgumentError(`the mask has ${mask.length} elements, expected ${this.width} * ${this.height}`);
    }
    if (!mask.some((pixel) => pixel !== 0)) throw new ArgumentError("the mask is empty, expected some 1");
  }
}

/** The frames from one on, each once; on and on where nobody knows how many there are. */
function* inDirection(
  direction: "forward" | "backward" | "both",
  from: number,
  length: number = Number.POSITIVE_INFINITY,
) {
  const isForward = direction !== "backward";
  for (let frame = from; isForward && frame < length; frame++) yield { frame, isBackward: false };
  if (direction === "forward") return;
  for (let frame = isForward ? from - 1 : from; frame >= 0; frame--) yield { frame, isBackward: true };
}
