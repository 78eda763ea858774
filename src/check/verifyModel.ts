// Proof on the user's own adapter: a checkpoint's outputs, of whatever family it is, against those of PyTorch that lie
// beside it (expected.json), in each type that the device has.
import type { Device } from "../device/device.ts";
import { CheckpointError } from "../device/errors.ts";
import type { HostInputs } from "../graph/executor.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import type { SourceLike } from "../io/source/source.ts";
import type { ClipModel } from "../models/clip/family.ts";
import type { DinoModel } from "../models/dino/family.ts";
import { allFamilies } from "../models/families.ts";
import type { Family, FamilyModel, FloatType, ModelClass } from "../models/family.ts";
import type { Part } from "../models/part.ts";
import type { SamModel } from "../models/sam/family.ts";
import { recognizeModel } from "../session/pretrained.ts";
import { Session } from "../session/session.ts";
import type { ModelCheck } from "./modelCheck.ts";
import { storedOrSeeded } from "./seeded.ts";
import { verifyClipOutputs } from "./verifyClip.ts";
import { verifyDinoOutputs } from "./verifyDino.ts";
import { dtypesOf, type Verification, type VerifyOptions } from "./verifyKernels.ts";
import { verifySamOutputs } from "./verifySam.ts";

type Check<Model extends FamilyModel> = (check: ModelCheck<Model>) => AsyncGenerator<Verification>;

const CHECKS = {
  Clip: verifyClipOutputs as Check<ClipModel>,
  Dino: verifyDinoOutputs as Check<DinoModel>,
  Sam: verifySamOutputs as Check<SamModel>,
} satisfies Record<ModelClass, unknown>;

/**
 * Compares a checkpoint of any family with the expected.json beside it. Where it has no weights, those that a
 * manifest.json describes are made.
 *
 * @throws CheckpointError where there is no expected.json; what loading throws.
 * @example
 * for await (const { name, failures } of verifyModel(device, "./models/tiny-sam")) console.log(name, failures);
 */
export async function* verifyModel(
  device: Device,
  from: SourceLike,
  { signal }: VerifyOptions = {},
): AsyncGenerator<Verification> {
  const families: readonly Family[] = allFamilies();
  const options = signal ? { signal } : {};
  const { source, checkpoint, family, model } = await recognizeModel(families, from, options, storedOrSeeded);
  const run = async (part: Part, inputs: HostInputs, dtype: FloatType) => {
    const session = await Session.open(lent(checkpoint), model, { device, dtype });
    try {
      await session.load([part], signal);
      return await session.use([part], (executor) => executor.run(inputs), signal);
    } finally {
      session.dispose();
    }
  };
  try {
    const expected = await source.json("expected.json");
    if (!expected) throw new CheckpointError(`${source.name} has no expected.json to compare with`);
    const check = CHECKS[family.modelClass] as Check<FamilyModel>;
    yield* check({ model, expected, source, dtypes: dtypesOf(device), run });
  } finally {
    await checkpoint.close();
  }
}

/** A checkpoint that stays open when a session is done with it. */
function lent(checkpoint: Checkpoint): Checkpoint {
  return { ...checkpoint, close: async () => {} };
}
