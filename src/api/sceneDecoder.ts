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
import type { SamConfig } from "../models/sam/config.ts";
import { decoderPart, maskSizes, masksPart, type PictureSettings, sceneSpecs } from "../models/sam/parts.ts";
import { isPrompt, type Placement, type Run, runsOf, type SamPrompt, wrongPrompt } from "../models/sam/prompts.ts";
import type { Session } from "../session/session.ts";
import { clampLogit, type PredictOptions } from "./samMasks.ts";

/** What a scene shares with the model that made it. */
export interface Origin {
  readonly placement: Placement;
  readonly config: SamConfig;
  readonly session: Session;
}

/** What a scene keeps of its picture, by name. */
type Kept = Readonly<Record<keyof ReturnType<typeof sceneSpecs>, GPUBuffer>>;

export class SceneDecoder {
  readonly device: Device;
  readonly session: Session;
  /** Masks for each prompt, the single one first, and the side of their logits. */
  readonly sizes: ReturnType<typeof maskSizes>;
  /** Buffers that the image encoder writes, by the names of its outputs. */
  readonly kept: Kept;
  /** Given to what makes tensors that stay on the GPU (pictures/keepOnGpu.ts), which then need not bring it. */
  readonly fromHalves: FromHalves = fromHalfArray;
  readonly placement: Placement;
  readonly #config: SamConfig;
  #isDisposed = false;

  /** Makes the buffers of a picture; the image encoder is yet to write them. */
  constructor(device: Device, { config, placement, session }: Origin) {
    this.device = device;
    this.session = session;
    this.#config = config;
    this.placement = placement;
    this.sizes = maskSizes(config);
    const kept: Record<string, GPUBuffer> = {};
    this.kept = kept as Kept;
    try {
      for (const [name, spec] of Object.entries(sceneSpecs({ config, dtype: session.dtype }))) {
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
    for (const prompt of prompts)
      if (!isPrompt(prompt, this.#config)) throw new ArgumentError(await wrongPrompt(prompt, this.#config));
  }

  runsOf(prompts: readonly SamPrompt[], perRun?: number): Run[] {
    return runsOf(prompts, this.placement, this.#config, perRun);
  }

  /** From prompts to logits of all masks, which are in the decoder's own buffers unless the caller gives one. */
  decoderPart({ P, T, hasMask }: Run, keepsMasks = false): Part {
    const [config, dtype] = [this.#config, this.session.dtype];
    return decoderPart({ config, dtype, P, T, hasMask, from: "scene", isBound: true, keepsMasks });
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
    return { config: this.#config, dtype: this.session.dtype, cut, size: [height, width] };
  }

  /** What differs from prompt to prompt. */
  inputsOf({ coords, labels, masks, hasMask }: Run): Readonly<Record<string, HostArray>> {
    const maskInput = this.session.dtype === "f16" ? toHalfArray(masks.map(clampLogit)) : masks;
    return { coords, labels, ...(hasMask && { maskInput }) };
  }

  /** What a run reads of the picture: with a mask prompt its embedding, else what is made of it already. */
  imageOf({ hasMask }: Run): Bindings {
    const { embedding, ...image } = this.kept;
    return hasMask ? { embedding } : { ...image };
  }

  /** Records a run into the commands of a submit. */
  encode(encoder: GPUCommandEncoder, decoder: Executor, run: Run): void {
    for (const [name, data] of Object.entries(this.inputsOf(run))) decoder.write(name, data);
    decoder.encode(encoder, { bindings: this.imageOf(run) });
  }

  floats(bytes: ArrayBuffer): Float32Array {
    return this.session.dtype === "f16" ? fromHalfArray(new Uint16Array(bytes)) : new Float32Array(bytes);
  }

  /** The decoder's outputs, in its own buffers, as inputs of the masks' plan in the same submit. */
  masksOf(decoder: Executor): Bindings {
    return { masks: decoder.buffer("masks"), scores: decoder.buffer("scores") };
  }
}
