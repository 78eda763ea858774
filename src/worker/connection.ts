// The worker of a page: started when first needed, shared by all models, watched, and started again after its end.
import { type Remote, transfer, wrap } from "comlink";
import { WorkerError } from "../device/errors.ts";
import { fromFailure } from "./failure.ts";
import { type Hooks, pageHooks } from "./hooks.ts";
import type { Answer, Thread } from "./protocol.ts";
import type { StreamWishes } from "./streamProtocol.ts";

const NOT_LOADED =
  "its script could not be loaded, or is refused by a policy. `vite dev` before Vite 8 needs " +
  'optimizeDeps: { exclude: ["webgpu-vision"] } in its config; after bundlers that make no file of it pass ' +
  'startWorker a function that gives a Worker of "webgpu-vision/worker-thread"';

/** The connection to one worker, from its start to its end. */
export class Connection {
  /** Set when the worker is gone. */
  over: WorkerError | undefined;
  readonly #worker: Worker;
  readonly #thread: Remote<Thread>;
  readonly #pending = new Set<(error: WorkerError) => void>();
  readonly #ended = new AbortController();
  /** Resolves when the worker's script has run. */
  readonly ready: Promise<void>;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#thread = wrap<Thread>(worker);
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.end(`the worker failed: ${event.message || NOT_LOADED}`);
    });
    this.ready = this.#watch();
    this.ready.catch(() => {}); // calls that wait report it
  }

  /**
   * Asks the worker for something, and gives its answer or throws its error. An answer that comes after the call was
   * aborted is passed to `discard`.
   */
  async ask(
    hooks: Hooks,
    send: (thread: Remote<Thread>, port: MessagePort | undefined) => Promise<Answer>,
    discard: (value: unknown) => void = () => {},
  ): Promise<unknown> {
    const { signal } = hooks;
    signal?.throwIfAborted();
    const { port, ended, close } = pageHooks(hooks);
    try {
      const answering = send(this.#thread, port && transfer(port, [port]));
      const [answer] = await this.whileAlive(Promise.all([answering, ended]));
      if ("value" in answer && signal?.aborted) discard(answer.value);
      signal?.throwIfAborted();
      if ("value" in answer) return answer.value;
      throw answer.failure.isAbort ? signal?.reason : fromFailure(answer.failure);
    } finally {
      close();
    }
  }

  /** Starts encodeImages of a model; its messages go over the port that is returned. */
  stream(id: number, options: object, wishes: StreamWishes): MessagePort {
    if (this.over) throw this.over;
    const { port1, port2 } = new MessageChannel();
    this.#thread.stream(id, options, wishes, transfer(port2, [port2])).catch((error: unknown) => {
      this.end(`the worker failed: ${error instanceof Error ? error.message : error}`);
    });
    return port1;
  }

  /** Frees a model or scene, unless all is gone already. */
  dispose(id: number): void {
    if (!this.over) void this.#thread.dispose(id);
  }

  /** Destroys the device of a model, which opens a new one when it is called again. */
  destroyDevice(id: number): void {
    if (!this.over) void this.#thread.destroyDevice(id);
  }

  /** Ends the worker; what is pending rejects. */
  end(reason: string): void {
    if (this.over) return;
    this.over = new WorkerError(`${reason}. Call again: a new worker is started`);
    this.#worker.terminate();
    this.#ended.abort();
    for (const reject of this.#pending) reject(this.over);
    this.#pending.clear();
  }

  /** Rejects with WorkerError when the worker ends before the promise does. */
  whileAlive<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.over) return reject(this.over);
      this.#pending.add(reject);
      promise.then(resolve, reject).finally(() => this.#pending.delete(reject));
    });
  }

  /** A worker that runs out of memory or closes itself sends no event, but its Web Lock is released. */
  async #watch(): Promise<void> {
    const lock = `webgpu-vision worker ${Math.random()}`;
    if (!(await this.whileAlive(this.#thread.hold(lock)))) return;
    navigator.locks.request(lock, { signal: this.#ended.signal }, () => this.end("the worker ended")).catch(() => {});
  }
}

// Bundlers recognise this expression and put the script into a file of its own.
const ownWorker = () => new Worker(new URL("./worker-thread.js", import.meta.url), { type: "module" });

let make: () => Worker = ownWorker;
let current: Connection | undefined;

/** The connection to the running worker; starts one where none runs. */
export function connect(): Connection {
  if (current && !current.over) return current;
  if (typeof Worker === "undefined") {
    throw new WorkerError('this runtime has no Web Workers: import Clip, Dino and Sam from "webgpu-vision"');
  }
  current = new Connection(make());
  return current;
}

/**
 * Starts the worker before it is needed, or with a script of the page's own choice: a Worker, or a function that makes
 * one, which is asked again should the worker end. Without a call the first `fromPretrained` starts it.
 *
 * @returns When the worker is ready.
 * @throws WorkerError when its script cannot be loaded.
 * @example
 * import ThreadWorker from "webgpu-vision/worker-thread?worker"; // Vite
 * await startWorker(() => new ThreadWorker());
 */
export async function startWorker(worker?: Worker | (() => Worker)): Promise<void> {
  if (worker) stopWorker();
  if (typeof worker === "function") make = worker;
  else if (worker) current = new Connection(worker);
  await connect().ready;
}

/** Ends the worker and frees all it holds. Pending calls reject with WorkerError; the next one starts a new worker. */
export function stopWorker(): void {
  current?.end("stopWorker() was called");
}
