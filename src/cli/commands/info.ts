// `info`: the adapter with its features and limits, and what a model is and costs on it.
import { describeModel, type ModelDescription, type PartDescription } from "../../check/describe.ts";
import type { Device } from "../../device/device.ts";
import { formatShape } from "../../device/tensor.ts";
import type { PlanSummary } from "../../graph/plan.ts";
import { type Context, downloadBars, modelName, modelSource, namedDType, onDevice, sourceOptions } from "../context.ts";
import { EXIT } from "../failure.ts";
import { jsonText } from "../printable.ts";
import { pairs, short } from "../table.ts";

// Limits that decide what runs.
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
] as const satisfies readonly (keyof GPUSupportedLimits)[];

export function info(context: Context): Promise<number> {
  return onDevice(context, (device) => describe(device, context));
}

async function describe(device: Device, context: Context): Promise<number> {
  const { options, terminal } = context;
  const { onProgress, stop } = downloadBars(terminal);
  const dtype = namedDType(options);
  const settings = { ...sourceOptions(context), dtype, onProgress };
  const model = await describeModel(modelSource(options), device, settings).finally(stop);
  const adapter = { ...device.info, features: [...device.gpu.features].sort(), limits: limitsOf(device) };
  if (options.json) {
    terminal.result(jsonText({ adapter, model: { name: modelName(options), dtype, ...model } }, 2));
    return EXIT.OK;
  }
  terminal.result(`${terminal.bold("Adapter")}\n${adapterText(device)}\n`);
  terminal.result(`${terminal.bold("Limits")}\n${limitsText(device)}\n`);
  terminal.result(`${terminal.bold(`Model ${modelName(options)}`)}\n${modelText(model, dtype)}`);
  return EXIT.OK;
}

function limitsOf({ limits }: Device): Record<string, number> {
  return Object.fromEntries(LIMITS.map((name) => [name, limits[name]]));
}

function adapterText({ info, gpu }: Device): string {
  return pairs({
    description: info.description || info.device || "unnamed",
    vendor: info.vendor || undefined,
    architecture: info.architecture || undefined,
    class: info.class,
    features: [...gpu.features].sort().join(", ") || "none",
  });
}

function limitsText({ limits }: Device): string {
  const text = (name: (typeof LIMITS)[number]) => (name.endsWith("Size") ? bytes(limits[name]) : String(limits[name]));
  return pairs(Object.fromEntries(LIMITS.map((name) => [name, text(name)])));
}

function modelText(model: ModelDescription, dtype: string): string {
  const { title, config, tensors, parameters, stored, storedBytes, parts, unread } = model;
  const costs = Object.entries(parts).map(([name, part]) => [`${name} in ${dtype}`, partText(part)]);
  return pairs({
    family: title,
    parameters: `${short(parameters)} in ${tensors} tensors`,
    stored: `${stored.join(", ")}, ${bytes(storedBytes)}`,
    ...configLines(config),
    ...Object.fromEntries(costs),
    "unread tensors": unread.length === 0 ? "none" : unread.join(", "),
  });
}

/** Sizes as config.json names them: those at its top, then a line for each of its parts. */
function configLines(config: object): Record<string, string> {
  const entries = Object.entries(config);
  const isPart = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  const text = (values: readonly (readonly [string, unknown])[]): string =>
    values.map(([name, value]) => `${name} ${valueText(value)}`).join(", ");
  const valueText = (value: unknown) => {
    if (Array.isArray(value)) return `[${value.join(", ")}]`;
    return isPart(value) ? `{ ${text(Object.entries(value as object))} }` : String(value);
  };
  const top = entries.filter(([, value]) => !isPart(value));
  const parts = entries.filter(([, value]) => isPart(value));
  const lines = parts.map(([name, value]) => [name, text(Object.entries(value as object))] as const);
  return Object.fromEntries([...(top.length ? [["sizes", text(top)] as const] : []), ...lines]);
}

function partText(part: PartDescription): string {
  return `${specs(part.inputs)} to ${specs(part.outputs)}: ${cost(part)}`;
}

function specs(tensors: PartDescription["inputs"]): string {
  return Object.entries(tensors)
    .map(([name, { shape }]) => `${name} ${formatShape(shape)}`)
    .join(", ");
}

function cost({ dispatches, pipelines, flops, weightBytes, activationBytes }: PlanSummary): string {
  return (
    `${dispatches} dispatches of ${pipelines} pipelines, ${short(flops, "FLOP")}, ` +
    `${bytes(weightBytes)} of weights, ${bytes(activationBytes)} of activations`
  );
}

function bytes(count: number): string {
  const [size, unit] = UNITS.find(([least]) => count >= least) ?? [1, "bytes"];
  return `${Number((count / size).toFixed(1))} ${unit}`;
}

const UNITS: readonly (readonly [number, string])[] = [
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
];
