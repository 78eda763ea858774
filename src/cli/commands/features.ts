// `features`: DINO's features of pictures, to a file or as JSON.
import { extname } from "node:path";
import type { Dino, DinoEncodeOptions, DinoFeatures, DinoTokens } from "../../api/dino.ts";
import { ArgumentError } from "../../device/errors.ts";
import type { NdArray } from "../../device/tensor.ts";
import { writeNpy } from "../../io/npy.ts";
import { shortest } from "../../io/numbers.ts";
import { type TensorData, writeSafetensors } from "../../io/safetensors/safetensors.ts";
import { type Context, modelName } from "../context.ts";
import { encodePictures, openDino, SHIPPED_DINO } from "../dinoModel.ts";
import { UsageError } from "../failure.ts";
import { checkFileOut } from "../files/outputs.ts";
import { checkArguments } from "../files/pictureArguments.ts";
import type { PictureFailure } from "../files/pictures.ts";
import { writeWhole } from "../files/writeWhole.ts";
import { PictureRun } from "../pictureRun.ts";
import { documentOf, Report } from "../report.ts";

export interface FeaturesRequest {
  readonly images: readonly string[];
  readonly size?: DinoEncodeOptions["size"];
  /** Also the features of each patch. */
  readonly patches: boolean;
  /** Layers to give beside the last. */
  readonly layers: readonly number[];
  /** Pictures in one run of the model. */
  readonly batch?: number;
  /** File to write; JSON lines on stdout when absent. */
  readonly out?: string;
}

/** Features of pictures, in their order. */
interface Result {
  readonly request: FeaturesRequest;
  readonly head: { readonly model: string; readonly dtype: string };
  /** Of each picture that could be read. */
  readonly paths: readonly string[];
  readonly features: readonly DinoFeatures[];
  readonly errors: readonly PictureFailure[];
}

/** How a result becomes a file, by its extension. */
const FORMATS: Readonly<Record<string, (result: Result) => Uint8Array | string>> = {
  ".safetensors": toSafetensors,
  ".npy": toNpy,
  ".json": toJson,
};

/** Throws UsageError for what no file can hold, before any work is done. */
export function checkFeatures({ images, out, layers }: FeaturesRequest): void {
  checkArguments(images);
  if (out === undefined) return;
  checkFileOut(out, Object.keys(FORMATS));
  if (extname(out).toLowerCase() === ".npy" && layers.length) {
    throw new UsageError("an .npy file holds one array: leave out --layers, or write .safetensors");
  }
}

export async function features(request: FeaturesRequest, context: Context): Promise<number> {
  const { terminal, options } = context;
  const { out } = request;
  const pictures = await PictureRun.find(request.images, context);
  using dino = await openDino(context);
  const head = { model: modelName(options, SHIPPED_DINO), dtype: dino.dtype };
  const lines = { json: options.json, jsonl: options.jsonl || (out === undefined && !options.json) };
  const report = new Report(terminal, lines, head);
  const paths: string[] = [];
  const ofPictures: DinoFeatures[] = [];
  for await (const { path, features } of encodeRun(dino, pictures, request, context)) {
    if (out === undefined) report.row({ image: path, ...jsonOf(features, request) });
    else {
      paths.push(path);
      ofPictures.push(features);
    }
  }
  const { errors } = pictures;
  if (out === undefined) {
    report.end({ errors });
    return pictures.exitCode;
  }
  pictures.checkAny();
  const format = FORMATS[extname(out).toLowerCase()] as (result: Result) => Uint8Array | string;
  await writeWhole(out, format({ request, head, paths, features: ofPictures, errors }));
  const dimensions = ofPictures[0]?.cls.shape[1];
  for (const [i, { grid }] of ofPictures.entries()) report.row({ image: paths[i], grid });
  report.end({ errors, out, dimensions });
  if (!report.isJson) {
    terminal.note(`wrote features of ${paths.length} pictures, ${dimensions} numbers each, to ${out}`);
  }
  return pictures.exitCode;
}

async function* encodeRun(
  dino: Dino,
  pictures: PictureRun,
  { size, layers, batch }: FeaturesRequest,
  { terminal, signal }: Context,
) {
  const progress = terminal.progress("pictures", pictures.inputs.length);
  let done = 0;
  for await (const picture of encodePictures(dino, pictures.inputs, { size, layers }, { signal, batch })) {
    if ("message" in picture) pictures.fail(picture);
    else {
      pictures.succeed();
      yield picture;
    }
    progress.update(++done);
  }
  progress.stop();
}

function jsonOf({ grid, layers, ...last }: DinoFeatures, { patches }: FeaturesRequest) {
  const tokens = (found: DinoTokens) => ({
    cls: rowsOf(found.cls)[0],
    ...(patches && { patches: rowsOf(found.patches) }),
  });
  return {
    ...tokens(last),
    grid,
    ...(layers?.length && { layers: layers.map((layer) => ({ layer: layer.layer, ...tokens(layer) })) }),
  };
}

function rowsOf({ data, shape }: NdArray): number[][] {
  const size = shape.at(-1) as number;
  return Array.from({ length: data.length / size }, (_, row) =>
    Array.from(data.subarray(row * size, (row + 1) * size), shortest),
  );
}

function toJson({ request, head, paths, features, errors }: Result): string {
  const rows = features.map((found, i) => ({ image: paths[i], ...jsonOf(found, request) }));
  return documentOf(head, rows, { errors });
}

/** `cls` [pictures, channels], `patches` [pictures, height, width, channels], and the same after `layers.N.`. */
function toSafetensors({ request, head, paths, features }: Result): Uint8Array {
  const tensors: Record<string, TensorData> = {};
  const add = (prefix: string, tokens: readonly DinoTokens[]) => {
    tensors[`${prefix}cls`] = { dtype: "F32", ...stackCls(tokens) };
    if (request.patches) tensors[`${prefix}patches`] = { dtype: "F32", ...stackPatches(tokens, features) };
  };
  add("", features);
  request.layers.forEach((layer, i) => {
    add(
      `layers.${layer}.`,
      features.map(({ layers }) => layers?.[i] as DinoTokens),
    );
  });
  return writeSafetensors(tensors, { ...head, images: JSON.stringify(paths) });
}

/** Patches when they were asked for, and class tokens otherwise. */
function toNpy({ request, features }: Result): Uint8Array {
  const { data, shape } = request.patches ? stackPatches(features, features) : stackCls(features);
  return writeNpy(data, shape);
}

function stackCls(tokens: readonly DinoTokens[]) {
  const arrays = tokens.map(({ cls }) => cls.data);
  return { data: concatenated(arrays), shape: [arrays.length, arrays[0]?.length ?? 0] };
}

function stackPatches(tokens: readonly DinoTokens[], features: readonly DinoFeatures[]) {
  const [grid = [0, 0]] = features.map(({ grid }) => grid);
  const other = features.find((found) => found.grid.join() !== grid.join());
  if (other) {
    throw new ArgumentError(
      `the pictures come to grids of ${grid.join(" x ")} and ${other.grid.join(" x ")} patches, which no one array ` +
        "holds: give --size HEIGHTxWIDTH, or write .json",
    );
  }
  const arrays = tokens.map(({ patches }) => patches);
  const channels = arrays[0]?.shape.at(-1) ?? 0;
  return { data: concatenated(arrays.map(({ data }) => data)), shape: [arrays.length, ...grid, channels] };
}

function concatenated(arrays: readonly Float32Array[]): Float32Array {
  const data = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    data.set(array, at);
    at += array.length;
  }
  return data;
}
