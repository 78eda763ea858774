// One run of a plan taken apart: until the GPU is done, what of that it computed, and the way of the results back.
import { type Device, USAGE } from "../device/device.ts";
import type { HostArray } from "../device/tensor.ts";
import type { Executor } from "../graph/executor.ts";

/** Milliseconds of one run. */
export interface TimedRun {
  /** From the inputs on the host until the GPU is done. */
  readonly queueMs: number;
  /** Of the pass with all kernels, by its timestamps; undefined where the device has none. */
  readonly gpuMs: number | undefined;
  /** From then until the outputs are on the host. */
  readonly readbackMs: number;
}

/** Runs a plan once; `names` are its outputs that are read back. */
export async function timedRun(
  device: Device,
  executor: Executor,
  inputs: Readonly<Record<string, HostArray>>,
  names: readonly string[],
): Promise<TimedRun> {
  const stamps = device.hasTimestamps ? timestamps(device) : undefined;
  const sizes = names.map((name) => Math.ceil(executor.bytes(name) / 4) * 4);
  const staging = names.map((_, i) =>
    device.createBuffer(sizes[i] as number, USAGE.MAP_READ | USAGE.COPY_DST, "readback"),
  );
  try {
    const start = performance.now();
    for (const [name, data] of Object.entries(inputs)) executor.write(name, data);
    const encoder = device.gpu.createCommandEncoder();
    executor.encode(encoder, { timestampWrites: stamps?.writes });
    device.gpu.queue.submit([encoder.finish()]);
    await device.done();
    const queueMs = performance.now() - start;
    const copy = device.gpu.createCommandEncoder();
    names.forEach((name, i) => {
      copy.copyBufferToBuffer(executor.buffer(name), 0, staging[i] as GPUBuffer, 0, sizes[i] as number);
    });
    device.gpu.queue.submit([copy.finish()]);
    await Promise.all(staging.map((buffer) => device.mapRead(buffer, (mapped) => mapped.slice(0))));
    const readbackMs = performance.now() - start - queueMs;
    return { queueMs, gpuMs: await stamps?.read(), readbackMs };
  } finally {
    for (const buffer of staging) device.free(buffer);
    stamps?.free();
  }
}

function timestamps(device: Device) {
  const querySet = device.gpu.createQuerySet({ type: "timestamp", count: 2 });
  const resolved = device.createBuffer(16, USAGE.QUERY_RESOLVE | USAGE.COPY_SRC, "timestamps");
  const staging = device.createBuffer(16, USAGE.MAP_READ | USAGE.COPY_DST, "timestamps");
  return {
    writes: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    async read() {
      const encoder = device.gpu.createCommandEncoder();
      encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16);
      device.gpu.queue.submit([encoder.finish()]);
      const [begin = 0n, end = 0n] = await device.mapRead(staging, (mapped) => new BigInt64Array(mapped.slice(0)));
      return Number(end - begin) / 1e6;
    },
    free() {
      querySet.destroy();
      device.free(resolved);
      device.free(staging);
    },
  };
}
