// Times work on the GPU: by timestamp-query where the device has it, else by the host's clock around each piece of
// work; results say which.
import { type Device, USAGE } from "./device.ts";

export interface Timing {
  /** Milliseconds of each piece of work, in order. */
  readonly ms: readonly number[];
  readonly source: "timestamp-query" | "wall";
}

/** One piece of work: encodes itself into a pass. */
export type Work = (pass: GPUComputePassEncoder) => void;

// WebGPU allows 4096 queries in a set; two for each piece of work.
const MOST = 2048;

/** Runs pieces of work in order, each in a pass of its own, and times them. */
export async function time(device: Device, works: readonly Work[]): Promise<Timing> {
  if (!device.hasTimestamps) return timeByWall(device, works);
  const ms: number[] = [];
  for (let first = 0; first < works.length; first += MOST) {
    ms.push(...(await timeByQueries(device, works.slice(first, first + MOST))));
  }
  return { ms, source: "timestamp-query" };
}

async function timeByQueries(device: Device, works: readonly Work[]): Promise<number[]> {
  const count = works.length * 2;
  const querySet = device.gpu.createQuerySet({ type: "timestamp", count });
  const resolved = device.createBuffer(count * 8, USAGE.QUERY_RESOLVE | USAGE.COPY_SRC, "timestamps");
  const staging = device.createBuffer(count * 8, USAGE.MAP_READ | USAGE.COPY_DST, "timestamps");
  try {
    const encoder = device.gpu.createCommandEncoder();
    works.forEach((work, i) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      work(pass);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, count * 8);
    device.gpu.queue.submit([encoder.finish()]);
    const ticks = await device.mapRead(staging, (mapped) => new BigInt64Array(mapped.slice(0)));
    return works.map((_, i) => Number((ticks[2 * i + 1] ?? 0n) - (ticks[2 * i] ?? 0n)) / 1e6);
  } finally {
    querySet.destroy();
    device.free(resolved);
    device.free(staging);
  }
}

async function timeByWall(device: Device, works: readonly Work[]): Promise<Timing> {
  const ms: number[] = [];
  for (const work of works) {
    const encoder = device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    work(pass);
    pass.end();
    const start = performance.now();
    device.gpu.queue.submit([encoder.finish()]);
    await device.done();
    ms.push(performance.now() - start);
  }
  return { ms, source: "wall" };
}
