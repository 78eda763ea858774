// A model or a scene that lives in the worker, from the page's side.
import { transfer } from "comlink";
import type { Device } from "../device/device.ts";
import { ArgumentError, DisposedError, WorkerError } from "../device/errors.ts";
import type { SourceLike } from "../io/source/source.ts";
import { checkSource, type ImageSource } from "../pictures/decodeAhead.ts";
import type { EncodeImagesOptions } from "../pictures/encodeOptions.ts";
import type { ModelHealth } from "../session/health.ts";
import { type Connection, connect } from "./connection.ts";
import type { Hooks } from "./hooks.ts";
import { pack, packSource } from "./parcel.ts";
import type { Encoded, Kind, Loaded } from "./protocol.ts";
import { type Streamed, StreamFromPage } from "./streamFromPage.ts";

/** The worker's device as a page can see it, at one moment. */
export interface WorkerDevice
  extends Pick<
    Device,
    "info" | "limits" | "hasF16" | "hasSubgroups" | "subgroupSize" | "hasTimestamps" | "memory" | "lost"
  > {
  /** Destroys the device; the model's next call opens a new one. */
  destroy(): void;
}

/** Makes arguments ready to be sent, and adds to the list what is transferred with them. */
export type Packing = (transfers: Transferable[]) => readonly unknown[];

/** Options of a call, which may hold what cannot leave the page. */
type Options = Hooks & { readonly device?: unknown; readonly keepOnGpu?: unknown };

type Load<Config> = (connection: Connection, hooks: Hooks) => Promise<Loaded<Config>>;

/** A model in one worker: the connection to it, and the load. */
class ModelInWorker<Config> {
  readonly connection = connect();
  readonly model: Promise<Loaded<Config>>;
  isLoaded = false;
  #hasFailed = false;

  constructor(load: Load<Config>, hooks: Hooks) {
    this.model = load(this.connection, hooks);
    this.model.then(
      () => {
        this.isLoaded = true;
      },
      () => {
        this.#hasFailed = true;
      },
    );
  }

  get isGone(): boolean {
    return this.#hasFailed || this.connection.over !== undefined;
  }
}

/** A model that the page uses as if it were its own; it is loaded again when the worker that had it is gone. */
export class RemoteModel<Config> {
  readonly #load: Load<Config>;
  #current: ModelInWorker<Config>;
  #isDisposed = false;

  private constructor(load: Load<Config>, hooks: Hooks) {
    this.#load = load;
    this.#current = new ModelInWorker(load, hooks);
  }

  /** fromPretrained of a class, in the worker. */
  static async load<Config>(kind: Kind, from: SourceLike, options: Options) {
    const { rest, ...hooks } = withoutHooks(options);
    const load: Load<Config> = async (connection, loadHooks) => {
      const transfers: Transferable[] = [];
      const source = wrapped(packSource(from, transfers), transfers);
      const send: Send = (thread, port) => thread.load(kind, source, rest, port);
      return (await connection.ask(loadHooks, send, disposeIn(connection))) as Loaded<Config>;
    };
    const remote = new RemoteModel<Config>(load, hooks);
    return { remote, loaded: await remote.#current.model };
  }

  /** Calls a method of the model; `options` come last there. */
  async call(method: string, packing: Packing = () => [], options?: Options): Promise<unknown> {
    const { connection, model } = this.#alive();
    return invoke(connection, model, method, packing, options);
  }

  /** As `call`, for a method that gives a scene. */
  async encode(method: string, packing: Packing, options: Options) {
    const { connection, model } = this.#alive();
    const discard = disposeIn(connection);
    const { id, ...size } = (await invoke(connection, model, method, packing, options, discard)) as Encoded;
    return { scene: new RemoteScene(connection, id), ...size };
  }

  /** encodeImages of the model: results one by one, each with its picture. */
  async *stream<Result extends Streamed>(
    source: ImageSource,
    { onError, onStep, onProgress, signal, ...rest }: EncodeImagesOptions,
  ): AsyncGenerator<Result, void, undefined> {
    checkSource(source);
    signal?.throwIfAborted();
    const { connection, model } = this.#alive();
    const wishes = { onError: onError !== undefined, onStep: onStep !== undefined };
    const port = connection.stream((await model).id, rest, wishes);
    const stream = new StreamFromPage(port, source, { signal, onError, onStep, onProgress } as EncodeImagesOptions);
    const abort = () => stream.abort();
    signal?.addEventListener("abort", abort);
    try {
      for (;;) {
        const result = await stream.next((promise) => connection.whileAlive(promise));
        if (!result) return;
        yield result as Result;
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      stream.close();
    }
  }

  async device(): Promise<WorkerDevice> {
    const { connection, model } = this.#alive();
    const seen = (await invoke(connection, model, "device", () => [])) as WorkerDevice;
    const { id } = await model;
    return { ...seen, destroy: () => connection.destroyDevice(id) };
  }

  async health(): Promise<ModelHealth> {
    const { connection, isGone, isLoaded, model } = this.#current;
    if (this.#isDisposed) return this.#withoutWorker("disposed");
    if (isGone || !isLoaded) return this.#withoutWorker(isGone ? "closed" : "opening");
    const gone = () => this.#withoutWorker(this.#isDisposed ? "disposed" : "closed");
    return invoke(connection, model, "health", () => []).catch(gone) as Promise<ModelHealth>;
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const { connection, model } = this.#current;
    model.then(
      ({ id }) => connection.dispose(id),
      () => {},
    );
  }

  #withoutWorker(state: ModelHealth["state"]): ModelHealth {
    const { over } = this.#current.connection;
    const lastError = over && { name: over.name, message: over.message };
    const nothing = { reopened: 0, weightBytes: 0, planBytes: 0, deviceBytes: 0, plans: 0, calls: 0 };
    return { state, ...nothing, ...(lastError && { lastError }) };
  }

  #alive(): ModelInWorker<Config> {
    if (this.#isDisposed) throw new DisposedError("this model was disposed; load it again with fromPretrained");
    if (this.#current.isGone) this.#current = new ModelInWorker(this.#load, {});
    return this.#current;
  }
}

/** A scene that lives in the worker; when the worker ends, the scene is gone. */
export class RemoteScene {
  readonly #connection: Connection;
  readonly #id: number;
  #isDisposed = false;

  constructor(connection: Connection, id: number) {
    this.#connection = connection;
    this.#id = id;
  }

  async call(method: string, packing: Packing = () => [], options?: Options): Promise<unknown> {
    if (this.#isDisposed) throw new DisposedError("this scene was disposed; encode the picture again");
    if (this.#connection.over) {
      throw new WorkerError("the worker is gone, and this scene with it: encode the picture again");
    }
    return invoke(this.#connection, { id: this.#id }, method, packing, options);
  }

  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#connection.dispose(this.#id);
  }
}

async function invoke(
  connection: Connection,
  target: { readonly id: number } | Promise<{ readonly id: number }>,
  method: string,
  packing: Packing,
  options?: Options,
  discard?: (value: unknown) => void,
): Promise<unknown> {
  const transfers: Transferable[] = [];
  const { rest, ...hooks } = withoutHooks(options ?? {});
  // Pictures are taken first: they may change while the worker is asked.
  const args = wrapped(await Promise.all(packing(transfers)), transfers);
  const { id } = await target;
  const more = options && pack(rest, transfers);
  const send: Send = (thread, port) => thread.call(id, method, args, more as object | undefined, port);
  return connection.ask(hooks, send, discard);
}

type Send = Parameters<Connection["ask"]>[1];

/** Frees what a call gave that was aborted meanwhile. */
function disposeIn(connection: Connection): (value: unknown) => void {
  return (value) => connection.dispose((value as { readonly id: number }).id);
}

/** Marks a value for comlink with the objects that are transferred together with it. */
function wrapped<T>(value: T, transfers: Transferable[]): T {
  return typeof value === "object" && value !== null ? transfer(value, transfers) : value;
}

function withoutHooks({ signal, onProgress, device, keepOnGpu, ...rest }: Options) {
  if (device !== undefined) {
    throw new ArgumentError('a GPUDevice cannot be given to a worker: import the class from "webgpu-vision"');
  }
  if (keepOnGpu) {
    throw new ArgumentError('keepOnGpu: what a worker keeps a page cannot use; import the class from "webgpu-vision"');
  }
  return { signal, onProgress, rest };
}
