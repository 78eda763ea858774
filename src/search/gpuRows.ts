// Rows on the GPU, block by block: as many as are allowed stay there once they were read, and the others pass through
// one buffer, from the source, in every search.
import { type Device, USAGE } from "../device/device.ts";
import { bufferBytes, type HostArray, type Spec } from "../device/tensor.ts";
import { elementsOfWord } from "../kernels/innerProduct.ts";
import type { RowBlock, RowSource } from "./rowSource.ts";

/** Bytes of a block: large enough that reading and computing it outweigh what a run costs. */
const BLOCK_BYTES = 32 << 20;
const LEAST_BLOCK_ROWS = 1 << 12;
/** Of the room for rows a block has a part, so that others stay where not all do. */
const LEAST_BLOCKS = 4;
/** Products of a block with as many queries as run at once must have room too. */
const MOST_BLOCK_ROWS = 1 << 16;

/** A block that is about to be searched. */
export interface OpenBlock {
  readonly first: number;
  readonly count: number;
  readonly bindings: Readonly<Record<string, GPUBuffer>>;
  /** Puts the rows there. Call it right before the run that reads them is submitted. */
  write(): void;
}

type Buffers = Readonly<Record<"rows" | "rowsScale", GPUBuffer>>;

export class GpuRows {
  readonly device: Device;
  /** Rows of a block, whole words of 32. */
  readonly blockRows: number;
  /** Elements of a row with the zeros that fill its last 16 bytes. */
  readonly channels: number;
  readonly #source: RowSource;
  /** Blocks that there is room for. */
  readonly #room: number;
  readonly #buffers: (Buffers | undefined)[] = [];
  /** Rows of blocks that stay. */
  readonly #written = new Map<number, number>();

  constructor(device: Device, source: RowSource, memory: number) {
    this.device = device;
    this.#source = source;
    const word = elementsOfWord(source.dtype);
    this.channels = Math.ceil(source.channels / word) * word;
    const rowBytes = (this.channels / word) * 16;
    const most = Math.min(BLOCK_BYTES, device.mostBytes, memory / LEAST_BLOCKS);
    // A source may grow: a few rows have a block for some more, and many have whole blocks.
    const wanted = Math.max(LEAST_BLOCK_ROWS, 2 ** Math.ceil(Math.log2(source.count + 1)));
    const rows = Math.min(MOST_BLOCK_ROWS, Math.floor(most / rowBytes), wanted);
    this.blockRows = Math.max(1, Math.floor(rows / 32)) * 32;
    this.#room = Math.max(1, Math.floor(memory / (this.blockRows * rowBytes)));
  }

  /** Blocks of so many rows. */
  blocks(total: number): number {
    return Math.ceil(total / this.blockRows);
  }

  /** Reads a block of the first `total` rows from the source unless it is on the GPU. */
  async open(block: number, total: number, signal: AbortSignal): Promise<OpenBlock> {
    const first = block * this.blockRows;
    const count = Math.min(this.blockRows, total - first);
    // Where not all have room, the last buffer is for all blocks that do not stay.
    const stays = block < this.#room - 1 || (block < this.#room && this.blocks(this.#source.count) <= this.#room);
    const slot = stays ? block : this.#room - 1;
    const isThere = () => stays && (this.#written.get(block) ?? 0) >= count;
    const read = isThere() ? undefined : await this.#source.read(first, count, signal);
    const { rows, rowsScale } = this.#buffersOf(slot);
    const bindings: OpenBlock["bindings"] = this.#source.dtype === "i8" ? { rows, rowsScale } : { rows };
    const write = () => {
      if (!read || isThere()) return;
      this.device.writeBuffer(rows, 0, bytesOf(this.#padded(read.rows, count)));
      if (read.scale) this.device.writeBuffer(rowsScale, 0, bytesOf(read.scale));
      if (stays) this.#written.set(block, count);
      else this.#written.delete(slot); // which had a block of its own while all had room
    };
    return { first, count, bindings, write };
  }

  dispose(): void {
    for (const buffers of this.#buffers) {
      for (const buffer of Object.values(buffers ?? {})) this.device.free(buffer);
    }
    this.#buffers.length = 0;
    this.#written.clear();
  }

  #buffersOf(slot: number): Buffers {
    const known = this.#buffers[slot];
    if (known) return known;
    const [shape, { dtype }] = [[this.blockRows, this.channels], this.#source];
    const rows = this.#buffer({ dtype, shape }, "searched rows");
    const rowsScale = dtype === "i8" ? this.#buffer({ dtype: "f32", shape: [this.blockRows] }, "their scale") : rows;
    const buffers = { rows, rowsScale };
    this.#buffers[slot] = buffers;
    return buffers;
  }

  #buffer(spec: Spec, label: string): GPUBuffer {
    return this.device.createBuffer(bufferBytes(spec), USAGE.STORAGE | USAGE.COPY_DST, label);
  }

  /** Rows with zeros after each, where their length fills no 16 bytes. */
  #padded(rows: RowBlock["rows"], count: number): HostArray {
    const { channels } = this.#source;
    if (channels === this.channels) return rows;
    const padded = new (rows.constructor as new (length: number) => HostArray)(count * this.channels);
    for (let row = 0; row < count; row++) {
      padded.set(rows.subarray(row * channels, (row + 1) * channels), row * this.channels);
    }
    return padded;
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: HostArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
