// `embed`: embeddings of pictures and texts, to a file or as JSON.
import { existsSync } from "node:fs";
import { dirname, extname } from "node:path";
import type { Clip } from "../../api/clip.ts";
import { writeNpy } from "../../io/npy.ts";
import { shortest } from "../../io/numbers.ts";
import { type TensorData, writeSafetensors } from "../../io/safetensors/safetensors.ts";
import { type Context, modelName, openClip } from "../context.ts";
import { UsageError } from "../failure.ts";
import { checkArguments } from "../files/pictureArguments.ts";
import { embedPictures, type PictureFailure } from "../files/pictures.ts";
import { writeWhole } from "../files/writeWhole.ts";
import { PictureRun } from "../pictureRun.ts";
import { documentOf, Report } from "../report.ts";

export interface EmbedRequest {
  readonly images: readonly string[];
  readonly texts: readonly string[];
  /** Pictures in one run of the model. */
  readonly batch?: number | undefined;
  /** File to write; JSON lines on stdout when absent. */
  readonly out?: string;
}

/** The embedding of a picture or of a text. */
interface Row {
  readonly of: "image" | "text";
  readonly name: string;
  readonly embedding: Float32Array;
}

interface Result {
  readonly head: { readonly model: string; readonly dtype: string };
  readonly rows: readonly Row[];
  readonly errors: readonly PictureFailure[];
}

/** How a result becomes a file, by its extension. */
const FORMATS: Readonly<Record<string, (result: Result) => Uint8Array | string>> = {
  ".safetensors": toSafetensors,
  ".npy": toNpy,
  ".json": ({ head, rows, errors }) => documentOf(head, rows.map(jsonOf), { errors }),
};

/** Throws UsageError for what no file can hold, before any work is done. */
export function checkEmbed({ images, texts, out }: EmbedRequest): void {
  if (images.length + texts.length === 0)
    throw new UsageError("nothing to embed: name pictures, or give --text or --texts-file");
  checkArguments(images);
  if (out === undefined) return;
  const extension = extname(out).toLowerCase();
  if (!FORMATS[extension]) throw new UsageError(`--out ${out} must end in ${Object.keys(FORMATS).join(", ")}`);
  if (!existsSync(dirname(out))) throw new UsageError(`--out ${out}: there is no folder ${dirname(out)}`);
  if (extension === ".npy" && images.length && texts.length) {
    throw new UsageError("an .npy file holds one array: embed pictures or texts, or write .safetensors");
  }
}

export async function embed(request: EmbedRequest, context: Context): Promise<number> {
  const { terminal, options } = context;
  const { out } = request;
  const pictures = await PictureRun.find(request.images, context);
  using clip = await openClip(context);
  const head = { model: modelName(options), dtype: clip.dtype };
  const lines = { json: options.json, jsonl: options.jsonl || (out === undefined && !options.json) };
  const report = new Report(terminal, lines, head);
  const rows: Row[] = [];
  for await (const row of embedRows(clip, request, pictures, context)) {
    if (out === undefined) report.row(jsonOf(row));
    else rows.push(row);
  }
  const { errors } = pictures;
  if (out === undefined) {
    report.end({ errors });
    return pictures.exitCode;
  }
  if (rows.length === 0) pictures.checkAny();
  const format = FORMATS[extname(out).toLowerCase()] as (result: Result) => Uint8Array | string;
  await writeWhole(out, format({ head, rows, errors }));
  const dimensions = rows[0]?.embedding.length ?? 0;
  for (const { of, name } of rows) report.row({ [of]: name });
  report.end({ errors, out, dimensions });
  if (!report.isJson) terminal.note(`wrote ${rows.length} embeddings of ${dimensions} numbers to ${out}`);
  return pictures.exitCode;
}

async function* embedRows(
  clip: Clip,
  { texts, batch }: EmbedRequest,
  pictures: PictureRun,
  { terminal, signal }: Context,
): AsyncGenerator<Row> {
  const progress = terminal.progress("pictures", pictures.inputs.length);
  let done = 0;
  for await (const picture of embedPictures(clip, pictures.inputs, { signal, batch })) {
    if ("message" in picture) pictures.fail(picture);
    else {
      pictures.succeed();
      yield { of: "image", name: picture.path, embedding: picture.embedding };
    }
    progress.update(++done);
  }
  progress.stop();
  if (texts.length === 0) return;
  const { data, shape } = await clip.encodeText(texts, { signal });
  const size = shape[1] as number;
  for (const [i, name] of texts.entries()) {
    yield { of: "text", name, embedding: data.subarray(i * size, (i + 1) * size) };
  }
}

function jsonOf({ of, name, embedding }: Row): object {
  return { [of]: name, embedding: Array.from(embedding, shortest) };
}

function toSafetensors({ head, rows }: Result): Uint8Array {
  const tensors: Record<string, TensorData> = {};
  const [images, texts] = [rowsOf(rows, "image"), rowsOf(rows, "text")];
  if (images.length) tensors.image_embeds = { dtype: "F32", ...stack(images) };
  if (texts.length) tensors.text_embeds = { dtype: "F32", ...stack(texts) };
  const names = (of: readonly Row[]) => JSON.stringify(of.map(({ name }) => name));
  return writeSafetensors(tensors, { ...head, images: names(images), texts: names(texts) });
}

function toNpy({ rows }: Result): Uint8Array {
  const { data, shape } = stack(rows);
  return writeNpy(data, shape);
}

function rowsOf(rows: readonly Row[], of: Row["of"]): Row[] {
  return rows.filter((row) => row.of === of);
}

function stack(rows: readonly Row[]) {
  const size = rows[0]?.embedding.length ?? 0;
  const data = new Float32Array(rows.length * size);
  for (const [i, { embedding }] of rows.entries()) data.set(embedding, i * size);
  return { data, shape: [rows.length, size] };
}
