// Exact search by inner product: every row is compared, block by block, and nothing but the best comes back.
import type { Device } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import { BYTES, formatShape, type NdArray } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import { LOWEST_PRODUCT } from "../kernels/innerProduct.ts";
import { type OpenSessionOptions, Session } from "../session/session.ts";
import { GpuRows, type OpenBlock } from "./gpuRows.ts";
import { type RowSource, type RowType, rowsInMemory } from "./rowSource.ts";
import { searchPart } from "./searchPart.ts";

/** Options of `ExactSearch.open`. */
export interface ExactSearchOptions extends Pick<OpenSessionOptions, "device" | "memoryBudget" | "signal"> {
  /** Most bytes of rows on the GPU: others are read again from the source by each search. 512 MiB when absent. */
  readonly rowMemory?: number;
  /** How rows that are given as an array are stored; "f32" when absent. */
  readonly dtype?: RowType;
}

/** Options of `ExactSearch.search`. */
export interface SearchOptions {
  /** How many rows to give, at most 1024; 10 when absent. */
  readonly k?: number;
  /** Which rows count: a bit for each, the lowest of a word first, [ceil(rows / 32)]. All when absent. */
  readonly allowed?: Uint32Array;
  /** Cancels the search: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A row that was found. */
export interface Neighbour {
  /** Its number among the rows. */
  readonly index: number;
  /** Its inner product with the query: of vectors of unit length their cosine. */
  readonly score: number;
}

const MOST_NEIGHBOURS = 1024;
/** Queries of one run: a block is read once for all runs. */
const QUERIES_PER_RUN = 64;
/** Blocks whose results are awaited while the next one is read. */
const AHEAD = 2;

/** A search has no weights. */
const NO_WEIGHTS: Checkpoint = { name: "search", tensors: new Map(), metadata: {}, close: async () => {} };

/** Exact nearest neighbours among any number of rows, by inner product, on the GPU in bounded memory. */
export class ExactSearch {
  /** Elements of each row, and of each query. */
  readonly channels: number;
  readonly #source: RowSource;
  readonly #rowMemory: number;
  readonly #session: Session;
  #rows: GpuRows | undefined;

  private constructor(session: Session, source: RowSource, rowMemory: number) {
    this.#session = session;
    this.#source = source;
    this.#rowMemory = rowMemory;
    this.channels = source.channels;
  }

  /**
   * Opens rows to be searched: an array [N, C], or a source that is read in blocks.
   *
   * @throws ArgumentError for what are no rows; AdapterError where there is no device.
   * @example
   * using search = await ExactSearch.open(await clip.encodeImage(photos));
   * const [found] = await search.search(await clip.encodeText("a red saree"), { k: 5 });
   * console.log(found); // [{ index: 12, score: 0.31 }, …]
   */
  static async open(rows: NdArray | RowSource, options: ExactSearchOptions = {}): Promise<ExactSearch> {
    const { rowMemory = 512 << 20, dtype, device, memoryBudget, signal } = options;
    const source = "read" in rows ? rows : rowsInMemory(rows, dtype);
    const { count, channels } = source;
    if (!Number.isInteger(count) || count < 0 || !Number.isInteger(channels) || channels < 1 || channels > 1 << 16) {
      throw new ArgumentError(`there are ${count} rows of ${channels} elements, expected some of 1 to 65536`);
    }
    const given = { ...(device && { device }), ...(signal && { signal }), memoryBudget };
    return new ExactSearch(await Session.open(NO_WEIGHTS, {}, given), source, rowMemory);
  }

  /** Rows that are searched: as many as the source has now. */
  get count(): number {
    return this.#source.count;
  }

  /** The device in use. */
  device(): Promise<Device> {
    return this.#session.device();
  }

  /** Bytes of rows in their source, which pass to the GPU. */
  get bytes(): number {
    const { dtype } = this.#source;
    return this.count * (this.channels * BYTES[dtype] + (dtype === "i8" ? BYTES.f32 : 0));
  }

  /**
   * The k rows with the largest inner products, for each of the queries [Q, C]: the best first, of equals the first.
   * There are fewer where fewer rows are there or allowed.
   *
   * @throws ArgumentError for queries of another length or a k that there is not; what the source throws; AbortError.
   */
  async search(queries: NdArray, { k = 10, allowed, signal }: SearchOptions = {}): Promise<Neighbour[][]> {
    this.#check(queries, k, allowed);
    return this.#session.call(signal, (callSignal) => this.#search(queries, k, allowed, callSignal));
  }

  /** Frees the memory of the rows, and the device unless the caller brought it. */
  dispose(): void {
    this.#rows?.dispose();
    this.#session.dispose();
  }

  /** The same as `dispose`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async #search(queries: NdArray, k: number, allowed: Uint32Array | undefined, signal: AbortSignal) {
    const rows = await this.#gpuRows();
    const { count } = this;
    const blocks = rows.blocks(count);
    const best: Neighbour[][] = Array.from({ length: queries.shape[0] ?? 0 }, () => []);
    const underWay: Promise<void>[] = [];
    const openNext = (block: number) => {
      const opening = block < blocks ? rows.open(block, count, signal) : undefined;
      opening?.catch(() => {}); // where another one fails first
      return opening;
    };
    let next = openNext(0);
    try {
      for (let block = 0; block < blocks; block++) {
        const open = (await next) as OpenBlock;
        next = openNext(block + 1);
        const searching = this.#searchBlock(rows, open, { queries, k, allowed, best }, signal);
        searching.catch(() => {});
        underWay.push(searching);
        if (underWay.length >= AHEAD) await underWay.shift();
        signal.throwIfAborted();
      }
      for (const rest of underWay) await rest;
      return best;
    } finally {
      await Promise.allSettled(underWay);
    }
  }

  async #searchBlock(rows: GpuRows, block: OpenBlock, asked: Asked, signal: AbortSignal): Promise<void> {
    const { queries, allowed, best } = asked;
    const { blockRows, channels } = rows;
    const k = Math.min(asked.k, blockRows);
    const runs: Promise<void>[] = [];
    for (let first = 0; first < best.length; first += QUERIES_PER_RUN) {
      const count = Math.min(QUERIES_PER_RUN, best.length - first);
      const { dtype } = this.#source;
      const columns = count === 1 ? 1 : 4 * Math.ceil(count / 4);
      const part = searchPart({ queries: columns, rows: blockRows, channels, dtype, k, isFiltered: !!allowed });
      const inputs = {
        queries: queryColumns(queries, first, count, [channels, columns]),
        ...(allowed && { allowed: bitsOf(allowed, block.first, blockRows) }),
      };
      const run = (executor: Executor) => {
        if (rows.device.lost) throw rows.device.lost; // and the rows with it
        block.write();
        return executor.runBytes(inputs, { bindings: block.bindings, lengths: { count: block.count } });
      };
      const merging = this.#session.use([part], run, signal).then(({ values, indices }) => {
        merge(best, first, k, new Float32Array(values as ArrayBuffer), new Int32Array(indices as ArrayBuffer), block);
      });
      runs.push(merging);
    }
    await Promise.all(runs);
    for (const [query, found] of best.entries()) best[query] = found.sort(byScore).slice(0, asked.k);
  }

  /** Those of the device in use: a new one has none yet. */
  async #gpuRows(): Promise<GpuRows> {
    const device = await this.#session.device();
    if (this.#rows?.device !== device) this.#rows = new GpuRows(device, this.#source, this.#rowMemory);
    return this.#rows;
  }

  #check({ data, shape }: NdArray, k: number, allowed: Uint32Array | undefined): void {
    const [count = 0] = shape;
    if (shape.length !== 2 || shape[1] !== this.channels || data.length !== count * this.channels) {
      const expected = `expected [queries, ${this.channels}], the length of the rows`;
      throw new ArgumentError(`queries have shape ${formatShape(shape)} and ${data.length} elements, ${expected}`);
    }
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw new ArgumentError(`query ${Math.floor(at / this.channels)} holds ${data[at]}, expected numbers`);
    if (!Number.isInteger(k) || k < 1 || k > MOST_NEIGHBOURS) {
      throw new ArgumentError(`k is ${k}, expected a whole number from 1 to ${MOST_NEIGHBOURS}`);
    }
    const words = Math.ceil(this.count / 32);
    if (allowed && allowed.length !== words) {
      throw new ArgumentError(`allowed has ${allowed.length} words, expected ${words}: a bit for each row`);
    }
  }
}

/** What is looked for, and the best so far of each query. */
interface Asked {
  readonly queries: NdArray;
  readonly k: number;
  readonly allowed: Uint32Array | undefined;
  readonly best: Neighbour[][];
}

/** Some of the queries, a column each [channels, columns]; zeros where rows have them, and in columns beyond. */
function queryColumns({ data, shape }: NdArray, first: number, count: number, [channels, columns]: [number, number]) {
  const length = shape[1] as number;
  const transposed = new Float32Array(channels * columns);
  for (let i = 0; i < count; i++) {
    const query = data.subarray((first + i) * length, (first + i + 1) * length);
    for (const [c, value] of query.entries()) transposed[c * columns + i] = value;
  }
  return transposed;
}

/** The bits of a block, which begins with a word. */
function bitsOf(allowed: Uint32Array, first: number, rows: number): Uint32Array {
  const bits = new Uint32Array(rows / 32);
  bits.set(allowed.subarray(first / 32, (first + rows) / 32));
  return bits;
}

/** Adds what a run has found, [queries, k], but for rows that are not there or not allowed, and queries beyond. */
function merge(best: Neighbour[][], first: number, k: number, values: Float32Array, places: Int32Array, of: OpenBlock) {
  for (const [i, score] of values.entries()) {
    if (score <= Math.fround(LOWEST_PRODUCT)) continue;
    best[first + Math.floor(i / k)]?.push({ index: of.first + (places[i] as number), score });
  }
}

/** The best first, of equals the first. */
function byScore(a: Neighbour, b: Neighbour): number {
  return b.score - a.score || a.index - b.index;
}
