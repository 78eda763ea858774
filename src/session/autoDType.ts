// dtype "auto": f16 where the adapter has it and the model gives in it what it gives in f32, tried on one example of
// each part when the model is loaded; else f32.
import { AdapterError, NumericError } from "../device/errors.ts";
import { random } from "../device/random.ts";
import type { NdArray } from "../device/tensor.ts";
import type { Checkpoint } from "../io/safetensors/checkpoint.ts";
import type { FamilyModel, FloatType } from "../models/family.ts";
import type { OpenSessionOptions, Session } from "./session.ts";

/** A session in the type that was chosen, and why it was. */
export interface ChosenSession {
  readonly session: Session;
  readonly dtypeReason: string;
}

/** Largest difference of an output, of its largest value. Tokens of the published models differ by less. */
const TOLERANCE = 0.03;

/** `Session.open`, given by who has it: a page then loads this file alone. */
type OpenSession = typeof Session.open;

type Outputs = Readonly<Record<string, NdArray>>;

/**
 * Opens a session in the type that suits model and adapter. During the trial the weights are on the GPU in both types.
 * The checkpoint is the session's; it stays the caller's when this throws.
 */
export async function openAuto(
  open: OpenSession,
  checkpoint: Checkpoint,
  model: FamilyModel,
  options: OpenSessionOptions,
): Promise<ChosenSession> {
  const full = async (dtypeReason: string) => {
    return { session: await open(checkpoint, model, { ...options, dtype: "f32" }), dtypeReason };
  };
  let isChosen = false;
  const close = async () => (isChosen ? checkpoint.close() : undefined);
  let half: Session;
  try {
    half = await open({ ...checkpoint, close }, model, { ...options, dtype: "f16" });
  } catch (error) {
    if (error instanceof AdapterError) return full("the adapter has no shader-f16");
    throw error;
  }
  try {
    const difference = await differenceToFull(open, half, checkpoint, model, options);
    const text = `f16 differs from f32 by ${difference.toPrecision(2)} of the largest value on an example`;
    isChosen = difference <= TOLERANCE;
    if (isChosen) return { session: half, dtypeReason: text };
    return await full(Number.isFinite(difference) ? text : "f16 does not hold the values of this model");
  } finally {
    if (!isChosen) half.dispose();
  }
}

/** The largest difference of the outputs on one example of each part; infinite where f16 gives no numbers. */
async function differenceToFull(
  open: OpenSession,
  half: Session,
  checkpoint: Checkpoint,
  model: FamilyModel,
  { signal }: OpenSessionOptions,
): Promise<number> {
  const device = await half.device();
  const full = await open({ ...checkpoint, close: async () => {} }, model, { device, dtype: "f32" });
  try {
    let most = 0;
    for (const name of Object.keys(model.examples("f32"))) {
      signal?.throwIfAborted();
      const expected = await runExample(full, model, name, "f32", signal);
      const got = await runExample(half, model, name, "f16", signal);
      most = Math.max(
        most,
        ...Object.keys(expected).map((output) => difference(got[output], expected[output] as NdArray)),
      );
    }
    return most;
  } catch (error) {
    if (error instanceof NumericError) return Number.POSITIVE_INFINITY;
    throw error;
  } finally {
    full.dispose();
  }
}

async function runExample(session: Session, model: FamilyModel, name: string, dtype: FloatType, signal?: AbortSignal) {
  const { part, inputs } = model.examples(dtype)[name] as ReturnType<FamilyModel["examples"]>[string];
  await session.load([part], signal);
  const values = await inputs(random(1));
  return session.use([part], (executor): Promise<Outputs> => executor.run(values), signal);
}

function difference(got: NdArray | undefined, { data }: NdArray): number {
  const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - (got?.data[i] ?? Number.NaN))), 0);
  return worst === 0 ? 0 : worst / largest;
}
