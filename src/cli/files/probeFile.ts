// The file of a trained probe: the probe, and in its metadata what made the features that it takes.
import type { DinoEncodeOptions, DinoFeatures } from "../../api/dino.ts";
import { InvalidFileError } from "../../device/errors.ts";
import { LinearProbe } from "../../features/linearProbe.ts";
import { readSafetensors, type TensorData, writeSafetensors } from "../../io/safetensors/safetensors.ts";

/** The class token, the mean of the patches, or one after the other. */
export type ProbeFeatures = "cls" | "patches" | "cls+patches";

/** What made a probe's features. */
export interface ProbeSetting {
  /** As --model named it; the DINO that ships when absent. */
  readonly model?: string;
  /** A hash of the checkpoint: a name may come to mean another one. */
  readonly checkpoint: string;
  readonly features: ProbeFeatures;
  readonly size?: DinoEncodeOptions["size"];
}

/** The vector that a probe takes, from features of one picture. */
export function probeVector({ cls, patches }: DinoFeatures, kind: ProbeFeatures): Float32Array {
  if (kind === "cls") return cls.data;
  const channels = patches.shape.at(-1) as number;
  const count = patches.data.length / channels;
  const mean = Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let i = c; i < patches.data.length; i += channels) sum += patches.data[i] as number;
    return sum / count;
  });
  return kind === "patches" ? mean : Float32Array.of(...cls.data, ...mean);
}

export async function encodeProbe(probe: LinearProbe, setting: ProbeSetting): Promise<Uint8Array> {
  const file = await readSafetensors(probe.save());
  const tensors: Record<string, TensorData> = {};
  for (const [name, tensor] of file.tensors) {
    tensors[name] = { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.read() };
  }
  const { model, size, checkpoint, features } = setting;
  return writeSafetensors(tensors, {
    ...file.metadata,
    checkpoint,
    features,
    ...(model !== undefined && { model }),
    ...(size !== undefined && { size: JSON.stringify(size) }),
  });
}

/** @throws InvalidFileError when the file is no probe, or one of `LinearProbe.save` alone. */
export async function readProbe(path: string): Promise<{ probe: LinearProbe; setting: ProbeSetting }> {
  const probe = await LinearProbe.load(path);
  const file = await readSafetensors(path);
  await file.close();
  const { model, checkpoint, features, size } = file.metadata;
  if (checkpoint === undefined || !isKind(features)) {
    throw new InvalidFileError(`${path} does not say which model it is for: train it with "probe train"`);
  }
  return {
    probe,
    setting: {
      checkpoint,
      features,
      ...(model !== undefined && { model }),
      ...(size !== undefined && { size: sizeOf(path, size) }),
    },
  };
}

function isKind(features: string | undefined): features is ProbeFeatures {
  return features === "cls" || features === "patches" || features === "cls+patches";
}

function sizeOf(path: string, text: string): number | readonly [number, number] {
  const numbers = text.match(/^\d+$|^\[(\d+),(\d+)\]$/);
  if (!numbers) throw new InvalidFileError(`${path} has size ${JSON.stringify(text)}, expected pixels`);
  return JSON.parse(text) as number | readonly [number, number];
}
