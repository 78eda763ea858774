// Compute pipelines, each compiled once. The key is made of the source, the entry point and the overrides.
import { KernelError } from "./errors.ts";

/** Everything that makes one pipeline different from another. */
export interface PipelineSource {
  /** Name of the kernel, for labels and messages. */
  readonly label: string;
  /** Identifies the code: two sources with the same id have the same code. */
  readonly id: string;
  /** The code, some of which may have to be loaded. */
  readonly code: () => Promise<string>;
  readonly entryPoint: string;
  readonly overrides: Readonly<Record<string, number>>;
  /** Number of read-only storage buffers, which are bound first. */
  readonly inputCount: number;
  /** Number of storage buffers that are written, which are bound next; the parameters follow. */
  readonly outputCount: number;
}

/** Gives back the promise of work on the GPU; the host has nothing to do until it settles (device/dawn.ts). */
export type Rest = <T>(promise: Promise<T>) => Promise<T>;

/** Compiles pipelines asynchronously and keeps them for the life of the device. */
export class PipelineCache {
  readonly #gpu: GPUDevice;
  readonly #rest: Rest;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(gpu: GPUDevice, rest: Rest) {
    this.#gpu = gpu;
    this.#rest = rest;
  }

  /** Number of distinct pipelines so far. */
  get size(): number {
    return this.#pipelines.size;
  }

  /** Identity of a pipeline: equal keys mean equal pipelines. */
  static key({ id, entryPoint, overrides, inputCount, outputCount }: PipelineSource): string {
    return JSON.stringify([entryPoint, inputCount, outputCount, Object.entries(overrides).sort(), id]);
  }

  /** The compiled pipeline; compile errors reject with a KernelError that carries the driver's message. */
  get(source: PipelineSource): Promise<GPUComputePipeline> {
    const key = PipelineCache.key(source);
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#compile(source);
      this.#pipelines.set(key, pipeline);
      // A failed compilation is not remembered: a later call may meet another device state.
      pipeline.catch(() => this.#pipelines.delete(key));
    }
    return pipeline;
  }

  /** Bind group layout of every kernel: inputs at 0.., then the outputs, then the parameters. */
  layout({ inputCount, outputCount }: Pick<PipelineSource, "inputCount" | "outputCount">): GPUBindGroupLayout {
    const label = `${inputCount} inputs, ${outputCount} outputs`;
    let layout = this.#layouts.get(label);
    if (!layout) {
      const types: GPUBufferBindingType[] = [
        ...Array<GPUBufferBindingType>(inputCount).fill("read-only-storage"),
        ...Array<GPUBufferBindingType>(outputCount).fill("storage"),
        "uniform",
      ];
      layout = this.#gpu.createBindGroupLayout({
        label,
        entries: types.map((type, binding) => ({ binding, visibility: 4, buffer: { type } })),
      });
      this.#layouts.set(label, layout);
    }
    return layout;
  }

  async #compile(source: PipelineSource): Promise<GPUComputePipeline> {
    const { label, entryPoint, overrides } = source;
    const code = await source.code();
    let module = this.#modules.get(code);
    if (!module) {
      module = this.#gpu.createShaderModule({ label, code });
      this.#modules.set(code, module);
    }
    try {
      const pipeline = this.#gpu.createComputePipelineAsync({
        label: `${label}.${entryPoint}`,
        layout: this.#gpu.createPipelineLayout({ bindGroupLayouts: [this.layout(source)] }),
        compute: { module, entryPoint, constants: { ...overrides } },
      });
      return await this.#rest(pipeline);
    } catch (cause) {
      const info = await module.getCompilationInfo?.();
      const lines = info?.messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join("\n") ?? "";
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new KernelError(`[${label}] the pipeline does not compile: ${reason}\n${lines}`, { cause });
    }
  }
}
