// The parameters of all steps of a plan, in one uniform buffer, and the fields of it that each run's lengths fill.
import { type Device, USAGE } from "../device/device.ts";
import { ArgumentError } from "../device/errors.ts";
import { packParams, paramBytes } from "../kernels/kernel.ts";
import { Length } from "../kernels/length.ts";
import type { Plan, Step } from "./plan.ts";

/** A field of the buffer that holds a length. */
export interface LengthField {
  readonly name: string;
  /** In bytes. */
  readonly offset: number;
}

/** Each step's at a multiple of 256 bytes, as WebGPU asks; equal ones once, which have the same lengths then. */
export function packUniforms(steps: readonly Step[]) {
  const offsetOf = new Map<string, number>();
  const structs: Uint8Array[] = [];
  const fields: LengthField[] = [];
  const offsets = steps.map(({ kernel, launch }) => {
    const view = new DataView(new ArrayBuffer(paramBytes(kernel)));
    packParams(kernel, launch.params, view, 0);
    const bytes = new Uint8Array(view.buffer);
    const lengths = Object.keys(kernel.params).flatMap((param, i): LengthField[] => {
      const value = launch.params[param];
      return value instanceof Length ? [{ name: value.name, offset: 4 * i }] : [];
    });
    const key = JSON.stringify([bytes.join(), lengths]);
    let offset = offsetOf.get(key);
    if (offset === undefined) {
      offset = structs.push(bytes) * 256 - 256;
      offsetOf.set(key, offset);
      for (const field of lengths) fields.push({ name: field.name, offset: offset + field.offset });
    }
    return offset;
  });
  const bytes = new Uint8Array(Math.max(1, structs.length) * 256);
  structs.forEach((struct, i) => {
    bytes.set(struct, i * 256);
  });
  return { bytes, offsets, fields };
}

/** The uniform buffer of a plan. */
export class Uniforms {
  readonly buffer: GPUBuffer;
  /** Where each step's parameters begin, in bytes. */
  readonly offsets: readonly number[];
  readonly #device: Device;
  readonly #fields: readonly LengthField[];
  /** What was last given to the queue for each length. */
  readonly #written = new Map<string, number>();

  constructor(device: Device, { steps }: Pick<Plan, "steps">) {
    const { bytes, offsets, fields } = packUniforms(steps);
    this.#device = device;
    this.#fields = fields;
    this.offsets = offsets;
    this.buffer = device.createBuffer(bytes.length, USAGE.UNIFORM | USAGE.COPY_DST, "parameters");
    device.writeBuffer(this.buffer, 0, bytes);
  }

  /** Writes the lengths of a run for what is submitted next: the queue keeps the order of writes and submits. */
  writeLengths(lengths: ReadonlyMap<string, number>): void {
    for (const { name, offset } of this.#fields) {
      const length = lengths.get(name) as number;
      if (this.#written.get(name) === length) continue;
      this.#device.writeBuffer(this.buffer, offset, new Uint8Array(Uint32Array.of(length).buffer));
    }
    for (const [name, length] of lengths) this.#written.set(name, length);
  }
}

/** Throws ArgumentError unless every length of the plan is given, and within its bounds. */
export function checkLengths(plan: Plan, given: Readonly<Record<string, number>>): Map<string, number> {
  const names = [...plan.lengths.keys()].join(", ") || "none";
  for (const name of Object.keys(given)) {
    if (!plan.lengths.has(name)) throw new ArgumentError(`the plan has no length "${name}"; it has ${names}`);
  }
  const lengths = new Map<string, number>();
  for (const [name, { most }] of plan.lengths) {
    const length = given[name];
    if (length === undefined) {
      throw new ArgumentError(`length "${name}" is missing: give it as lengths: { ${name}: … }, from 0 to ${most}`);
    }
    if (!Number.isInteger(length) || length < 0 || length > most) {
      throw new ArgumentError(`length "${name}" is ${length}, expected a whole number from 0 to ${most}`);
    }
    lengths.set(name, length);
  }
  return lengths;
}
