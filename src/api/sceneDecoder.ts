// The decoder on one encoded picture: from prompts to parts of work and their inputs. What SamScene and the calls that
// are loaded on demand (samOnDemand.ts) share.
import { type Device, USAGE } from "../device/device.ts";
import { ArgumentError, DeviceLostError, DisposedError } from "../device/errors.ts";
import type { FromHalves } from "../device/gpuTensor.ts";
import { fromHalfArray, toHalfArray } from "../device/half.ts";
import { bufferBytes, type HostArray } from "../device/tensor.ts";
import type { Bindings } from "../graph/bindings.ts";
import type { Executor } from "../graph/executor.ts";
import type { Part } from "../models/part.ts";
import type { SamModel } from "../models/sam/model.ts";
import { maskSizes, masksPart, type PictureSettings } from "../models/sam/parts.ts";
import { isPrompt, type Placement, type Run, runsOf, type SamPrompt, wrongPrompt } from "../models/sam/prompts.ts";
import type { Session } from "../session/session.ts";
import { clampLogit, type PredictOptions } from "./samMasks.ts";

/** What a scene shares with the model that made it. */
export interface Origin {
  readonly placement: Placement;
  readonly model: SamModel;
  readonly session: Session;
}

export class SceneDecoder {
  readonly device: Device;
  readonly session: Session;
  /** Masks for each prompt, the single one first, and the side of their logits. */
  readonly sizes: ReturnType<typeof maskSizes>;
  /** Buffers that the image encoder writes, by the names of its outputs. */
  readonly kept: Readonly<Record<string, GPUBuffer>>;
  /** Given to what makes tensors that stay on the GPU (pictures/keepOnGpu.ts), which then need not bring it. */
  readonly fromHalves: FromHalves = fromHalfArray;
  readonly placement: Placement;
  readonly #model: SamModel;
  #isDisposed = false;

  /** Makes the buffers of a picture; the image encoder is yet to write them. */
  constructor(device: Device, { model, placement, session }: Origin) {
    this.device = device;
    this.session = session;
    this.#model = model;
    this.placement = placement;
    this.sizes = maskSizes(model.config);
    const kept: Record<string, GPUBuffer> = {};
    this.kept = kept;
    try {
      for (const [name, spec] of Object.entries(model.parts.scene(this.#settings()))) {
        kept[name] = this.room(spec, `scene ${name}`);
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** A buffer for values that plans write and read. */
  room(spec: Parameters<typeof bufferBytes>[0], label: string): GPUBuffer {
    return this.device.createBuffer(bufferBytes(spec), USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST, label);
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const buffer of Object.values(this.kept)) this.device.free(buffer);
  }

  /** @throws DisposedError after `dispose`; DeviceLostError when the device is gone. */
  check(): void {
    if (this.#isDisposed) throw new DisposedError("this scene was disposed; encode the picture again");
    if (this.device.lost) {
      throw new DeviceLostError("the GPU device was lost, this scene with it; encode the picture again");
    }
    this.device.check();
  }

  /** @throws ArgumentError for what is no prompt. */
  async checkPrompts(prompts: readonly SamPrompt[]): Promise<void> {
    const { config } = this.#model;
    for (const prompt of prompts)
      if (!isPrompt(prompt, config)) throw new ArgumentError(await wrongPrompt(prompt, config));
  }

  runsOf(prompts: readonly SamPrompt[], perRun?: number): Run[] {
    return runsOf(prompts, this.placement, this.#model.config, perRun);
  }

  /** From prompts to logits of all masks, which are in the decoder's own buffers unless the caller gives one. */
  decoderPart({ P, T, hasMask }: Run, keepsMasks = false): Part {
    const sizes = { P, T, hasMask };
    return this.#model.parts.decoder({ ...this.#settings(), ...sizes, from: "scene", isBound: true, keepsMasks });
  }

  /** The decoder, and what follows it: the chosen masks at the picture's size. */
  maskParts(
    run: Run,
    { multimask = true, returnLogits = false }: PredictOptions,
    wishes: { readonly staysOnGpu?: boolean; readonly rows?: number | undefined },
  ) {
    const settings = { P: run.P, isMultimask: multimask, hasLogits: returnLogits, ...wishes };
    return [this.decoderPart(run), masksPart({ ...this.pictureSettings(), ...settings })] as const;
  }

  pictureSettings(): PictureSettings {
    const { width, height, cut } = this.placement;
    const { maskSquare: square, config } = this.#model;
    const [rows, columns] = cut.map((edge) => (edge * square) / config.image_size) as [number, number];
    return { ...this.#settings(), square, cut: [rows, columns], size: [height, width] };
  }

  /** What differs from prompt to prompt. */
  inputsOf({ coords, labels, masks, hasMask }: Run): Readonly<Record<string, HostArray>> {
    const maskInput = this.session.dtype === "f16" ? toHalfArray(masks.map(clampLogit)) : masks;
    return { coords, labels, ...(hasMask && { maskInput }) };
  }

  /** What a run reads of the picture: with a mask prompt its embedding, else what is made of it already. */
  imageOf(run: Run): Bindings {
    const { inputs } = this.decoderPart(run);
    return Object.fromEntries(Object.entries(this.kept).filter(([name]) => name in inputs));
  }

  /** Records a run into the commands of a submit. */
  encode(encoder: GPUCommandEncoder, decoder: Executor, run: Run): void {
    for (const [name, data] of Object.entries(this.inputsOf(run))) decoder.write(name, data);
    decoder.encode(encoder, { bindings: this.imageOf(run) });
  }

  #settings() {
    return { config: this.#model.config, dtype: this.session.dtype };
  }

  floats(bytes: ArrayBuffer): Float32Array {
    return this.session.dtype === "f16" ? fromHalfArray(new Uint16Array(bytes)) : new Float32Array(bytes);
  }

  /** The decoder's outputs, in its own buffers, as inputs of the masks' plan in the same submit. */
  masksOf(decoder: Executor): Bindings {
    return { masks: decoder.buffer("masks"), scores: decoder.buffer("scores") };
  }
}
