// `info`: the adapter with its features and limits, and what a model is and costs on it.
import { type ClipDescription, describeModel, type ModelDescription } from "../../check/describe.ts";
import type { Device } from "../../device/device.ts";
import { openDevice } from "../../device/open.ts";
import type { PlanSummary } from "../../graph/plan.ts";
import { type ClipTowerConfig, isClipResnet } from "../../models/clip/config.ts";
import { type Context, downloadBars, modelName, modelSource } from "../context.ts";
import { EXIT } from "../failure.ts";
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

export async function info({ options, terminal, signal }: Context): Promise<number> {
  using device = await openDevice();
  const { onProgress, stop } = downloadBars(terminal);
  const { dtype } = options;
  const model = await describeModel(modelSource(options), device, { dtype, signal, onProgress }).finally(stop);
  const adapter = { ...device.info, features: [...device.gpu.features].sort(), limits: limitsOf(device) };
  if (options.json) {
    terminal.result(JSON.stringify({ adapter, model: { name: modelName(options), dtype, ...model } }, undefined, 2));
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
  const { family, tensors, parameters, stored, storedBytes, clip } = model;
  return pairs({
    family: clip
      ? `CLIP with a ${isClipResnet(clip.config.vision) ? "ResNet" : "Vision Transformer"}`
      : `${family}: no command of this version runs it`,
    parameters: `${short(parameters)} in ${tensors} tensors`,
    stored: `${stored.join(", ")}, ${bytes(storedBytes)}`,
    ...(clip && clipLines(clip, dtype)),
  });
}

function clipLines({ config, dimensions, image, text, unread }: ClipDescription, dtype: string) {
  const { vision, text: words } = config;
  return {
    embedding: `${dimensions} numbers`,
    pictures: image && `${vision.image_size} x ${vision.image_size}, ${imageTower(vision)}`,
    texts: text && `up to ${words.max_position_embeddings} of ${words.vocab_size} tokens, ${tower(words)}`,
    [`one picture in ${dtype}`]: image && cost(image),
    [`one text in ${dtype}`]: text && cost(text),
    "unread tensors": unread.length === 0 ? "none" : unread.join(", "),
  };
}

function imageTower(vision: ClipDescription["config"]["vision"]): string {
  if (isClipResnet(vision))
    return `${vision.layers.join(", ")} blocks, heads of ${vision.head_width} channels at the end`;
  return `patches of ${vision.patch_size}, ${tower(vision)}`;
}

function tower({
  num_hidden_layers,
  hidden_size,
  num_attention_heads,
  intermediate_size,
  hidden_act,
}: ClipTowerConfig) {
  return (
    `${num_hidden_layers} layers of ${hidden_size} channels, ${num_attention_heads} heads, ` +
    `MLP ${intermediate_size}, ${hidden_act}`
  );
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
