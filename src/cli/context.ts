// What every command is given: the global options, a terminal to speak on, and the signal of Ctrl-C.
import type { Command } from "commander";
import { Clip, type ClipOptions } from "../api/clip.ts";
import type { Device } from "../device/device.ts";
import { openDevice } from "../device/open.ts";
import type { SourceOptions } from "../io/source/source.ts";
import type { ModelDType } from "../session/session.ts";
import { UsageError } from "./failure.ts";
import { shippedNote } from "./files/modelCard.ts";
import { shippedCheckpoint } from "./files/paths.ts";
import type { Terminal } from "./terminal.ts";

/** Options of every command, and those that mean the same in each command that has them. */
export interface GlobalOptions {
  readonly model?: string;
  readonly revision?: string;
  readonly subfolder?: string;
  readonly variant?: string;
  readonly dtype: ModelDType | "auto";
  readonly tune?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** Of commands that give a row for each picture. */
  readonly jsonl?: boolean;
  /** Of commands that take pictures: the first that cannot be read is the end. */
  readonly strict?: boolean;
}

export interface Context {
  readonly options: GlobalOptions;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** The device to run on. Where there is none a command opens one, and closes it. */
  readonly device?: Device;
}

/** Runs a command's work where there is a GPU; gives its exit code. */
export type RunCommand = (command: Command, work: (context: Context) => Promise<number>) => Promise<void>;

/** The folder or Hub id that --model names; a checkpoint that ships when it is absent, the CLIP unless said. */
export function modelSource({ model }: GlobalOptions, shipped = "tiny-clip"): string {
  return model ?? shippedCheckpoint(shipped);
}

/** The model's name for people. */
export function modelName({ model }: GlobalOptions, shipped = "tiny-clip"): string {
  return model ?? shipped;
}

/** Where in the model's place its files are. */
export function sourceOptions({
  options: { revision, subfolder, variant },
  signal,
}: Pick<Context, "options" | "signal">) {
  return { revision, subfolder, variant, signal } satisfies SourceOptions;
}

/** What every model is loaded with. */
function loadOptions(context: Pick<Context, "options" | "signal" | "device">) {
  const { dtype, tune = false } = context.options;
  return { ...sourceOptions(context), dtype, tune, ...(context.device && { device: context.device }) };
}

/** Runs work on the command's device. */
export async function onDevice<T>({ device }: Context, work: (device: Device) => Promise<T>): Promise<T> {
  if (device) return work(device);
  using opened = await openDevice();
  return await work(opened);
}

/** The type of --dtype for commands that load no model as a user would, so that there is nothing to choose by. */
export function namedDType({ dtype }: Pick<GlobalOptions, "dtype">): ModelDType {
  if (dtype !== "auto") return dtype;
  throw new UsageError("--dtype auto is for commands that run a model: name the type here, f32, f16 or q8");
}

/** Loads the CLIP. */
export function openClip(context: Context): Promise<Clip> {
  return openModel(context, (options) => Clip.fromPretrained(modelSource(context.options), options));
}

/**
 * Loads a model with a bar for each file that comes over the network; tells which type was chosen for it, and what it
 * knows where it is the one that ships.
 */
export async function openModel<Model extends Pick<Clip, "dtype" | "dtypeReason">>(
  context: Context,
  load: (options: ClipOptions) => Promise<Model>,
  shipped = "tiny-clip",
): Promise<Model> {
  const { onProgress, stop } = downloadBars(context.terminal);
  const model = await load({ ...loadOptions(context), onProgress }).finally(stop);
  if (context.options.model === undefined) context.terminal.note(await shippedNote(shipped));
  if (model.dtypeReason) context.terminal.note(`computed in ${model.dtype}: ${model.dtypeReason}`);
  return model;
}

/** One bar after another, for what SourceOptions.onProgress reports. Files that are here already get none. */
export function downloadBars(terminal: Terminal) {
  let current: { file: string; bar: ReturnType<Terminal["progress"]> } | undefined;
  return {
    onProgress: ({ file, loaded, total }: { file: string; loaded: number; total: number }) => {
      if (current?.file !== file) {
        if (loaded >= total) return;
        current = { file, bar: terminal.progress(file, total, "bytes") };
      }
      current.bar.update(loaded, total);
    },
    stop: () => current?.bar.stop(),
  };
}
