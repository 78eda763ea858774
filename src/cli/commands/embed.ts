// `embed`: embeddings of pictures and texts, to a file or as JSON lines.
import { existsSync } from "node:fs";
import { dirname, extname } from "node:path";
import type { Clip } from "../../api/clip.ts";
import { ImageError } from "../../device/errors.ts";
import { writeNpy } from "../../io/npy.ts";
import { type TensorData, writeSafetensors } from "../../io/safetensors/safetensors.ts";
import { type Context, modelName, openClip } from "../context.ts";
import { EXIT, UsageError } from "../failure.ts";
import { embedPictures } from "../files/pictures.ts";
import { writeWhole } from "../files/writeWhole.ts";
import { shortest } from "../numbers.ts";

export interface EmbedRequest {
  readonly images: readonly string[];
  readonly texts: readonly string[];
  /** Pictures in one run of the model. */
  readonly batch?: number | undefined;
  /** File to write; JSON lines on stdout when absent. */
  readonly out?: string;
}

/** Rows of embeddings and what each of them is of. */
interface Embeddings {
  readonly names: readonly string[];
  readonly rows: readonly Float32Array[];
}

interface Result {
  readonly model: string;
  readonly dtype: string;
  readonly images: Embeddings;
  readonly texts: Embeddings;
}

/** How a result becomes a file, by its extension. */
const FORMATS: Readonly<Record<string, (result: Result) => Uint8Array | string>> = {
  ".safetensors": toSafetensors,
  ".npy": toNpy,
  ".json": (result) => `${JSON.stringify(toJson(result))}\n`,
};

/** Throws UsageError for what no file can hold, before any work is done. */
export function checkEmbed({ images, texts, out }: EmbedRequest): void {
  if (images.length + texts.length === 0)
    throw new UsageError("nothing to embed: name pictures, or give --text or --texts-file");
  if (out === undefined) return;
  const extension = extname(out).toLowerCase();
  if (!FORMATS[extension]) throw new UsageError(`--out ${out} must end in ${Object.keys(FORMATS).join(", ")}`);
  if (!existsSync(dirname(out))) throw new UsageError(`--out ${out}: there is no folder ${dirname(out)}`);
  if (extension === ".npy" && images.length && texts.length) {
    throw new UsageError("an .npy file holds one array: embed pictures or texts, or write .safetensors");
  }
}

export async function embed(request: EmbedRequest, context: Context): Promise<number> {
  const { terminal, options, signal } = context;
  using clip = await openClip(context);
  const images = await embedImages(clip, request, context);
  const texts = await embedTexts(clip, request.texts, signal);
  const result = { model: modelName(options), dtype: clip.dtype, images, texts };
  if (request.out === undefined) {
    for (const line of jsonLines(result)) terminal.result(line);
    return EXIT.OK;
  }
  const format = FORMATS[extname(request.out).toLowerCase()] as (result: Result) => Uint8Array | string;
  await writeWhole(request.out, format(result));
  const size = [...images.rows, ...texts.rows][0]?.length ?? 0;
  const summary = { out: request.out, images: images.names.length, texts: texts.names.length, dimensions: size };
  if (options.json) terminal.result(JSON.stringify(summary));
  else terminal.note(`wrote ${summary.images + summary.texts} embeddings of ${size} numbers to ${request.out}`);
  return EXIT.OK;
}

/** All or nothing: a file with rows missing would be a trap. */
async function embedImages(
  clip: Clip,
  { images: paths, batch }: EmbedRequest,
  { terminal, signal }: Context,
): Promise<Embeddings> {
  const progress = terminal.progress("pictures", paths.length);
  const rows: Float32Array[] = [];
  for await (const picture of embedPictures(clip, paths, { signal, batch })) {
    if ("message" in picture) throw new ImageError(picture.message);
    rows.push(picture.embedding);
    progress.update(rows.length);
  }
  progress.stop();
  return { names: paths, rows };
}

async function embedTexts(clip: Clip, texts: readonly string[], signal: AbortSignal): Promise<Embeddings> {
  if (texts.length === 0) return { names: [], rows: [] };
  const { data, shape } = await clip.encodeText(texts, { signal });
  const size = shape[1] as number;
  return { names: texts, rows: texts.map((_, row) => data.subarray(row * size, (row + 1) * size)) };
}

function* jsonLines({ images, texts }: Result): Generator<string> {
  for (const { name, embedding } of named(images)) yield JSON.stringify({ image: name, embedding });
  for (const { name, embedding } of named(texts)) yield JSON.stringify({ text: name, embedding });
}

function toJson({ model, dtype, images, texts }: Result): object {
  return { model, dtype, images: named(images), texts: named(texts) };
}

function named({ names, rows }: Embeddings) {
  return rows.map((row, i) => ({ name: names[i] as string, embedding: Array.from(row, shortest) }));
}

function toSafetensors({ model, dtype, images, texts }: Result): Uint8Array {
  const tensors: Record<string, TensorData> = {};
  if (images.rows.length) tensors.image_embeds = toTensor(images);
  if (texts.rows.length) tensors.text_embeds = toTensor(texts);
  const names = { images: JSON.stringify(images.names), texts: JSON.stringify(texts.names) };
  return writeSafetensors(tensors, { model, dtype, ...names });
}

function toNpy({ images, texts }: Result): Uint8Array {
  const { data, shape } = stack(images.rows.length ? images : texts);
  return writeNpy(data, shape);
}

function toTensor(embeddings: Embeddings): TensorData {
  return { dtype: "F32", ...stack(embeddings) };
}

function stack({ rows }: Embeddings) {
  const size = rows[0]?.length ?? 0;
  const data = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    data.set(row, i * size);
  });
  return { data, shape: [rows.length, size] };
}
