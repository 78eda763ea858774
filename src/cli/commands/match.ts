// `match`: patches of two pictures that show the same, as lines between the photos or as pixel coordinates.
import type { DinoEncodeOptions } from "../../api/dino.ts";
import { ImageError, NotFoundError } from "../../device/errors.ts";
import { matchPatches } from "../../features/matchPatches.ts";
import { type Point, patchToPicture, transformPoint } from "../../geometry/affine.ts";
import { shortest } from "../../io/numbers.ts";
import { type Context, modelName } from "../context.ts";
import { type EncodedPicture, encodeAll, gridSize, openDino, SHIPPED_DINO } from "../dinoModel.ts";
import { drawMatches, type PointPair } from "../draw/drawMatches.ts";
import { EXIT, UsageError } from "../failure.ts";
import { writePicture } from "../files/outputs.ts";
import { namedPictures, type PictureInput } from "../files/pictureArguments.ts";
import { jsonText } from "../printable.ts";
import { table } from "../table.ts";
import { meanAttention } from "./attention.ts";

export interface MatchRequest {
  readonly images: readonly [a: string, b: string];
  /** Most matches to give, best first. */
  readonly top: number;
  /** Only patches of the first picture that hold this share of its attention; all of them when absent. */
  readonly mass?: number;
  readonly size?: DinoEncodeOptions["size"];
  /** A .png; the table alone when absent. */
  readonly out?: string;
}

interface Match extends PointPair {
  readonly similarity: number;
}

export async function match(request: MatchRequest, context: Context): Promise<number> {
  const { terminal, options } = context;
  const { mass, out } = request;
  const inputs = await pairOf(request, context);
  using dino = await openDino(context);
  const pictures: EncodedPicture[] = [];
  const encoding = { size: gridSize(dino, request.size), attention: mass !== undefined };
  for await (const picture of encodeAll(dino, inputs, encoding, context)) {
    if ("message" in picture) throw new ImageError(picture.message); // there is nothing to match the other one with
    pictures.push(picture);
  }
  const [a, b] = pictures as [EncodedPicture, EncodedPicture];
  const only = mass === undefined ? {} : { mask: meanAttention(a.features, mass).mask };
  const best = matchPatches(a.features, b.features, only).slice(0, request.top);
  const matches = best.map(({ similarity, ...patches }) => ({
    a: centre(patches.a, a),
    b: centre(patches.b, b),
    similarity: shortest(similarity),
  }));
  if (out !== undefined) await writePicture(out, await drawMatches(a.image, b.image, matches));
  if (options.json) {
    const model = { model: modelName(options, SHIPPED_DINO), dtype: dino.dtype };
    terminal.result(jsonText({ ...model, a: a.path, b: b.path, ...(out && { out }), matches }, 2));
  } else if (out === undefined) terminal.result(matchTable(matches));
  else terminal.result(out);
  return EXIT.OK;
}

async function pairOf({ images }: MatchRequest, { signal }: Context): Promise<readonly PictureInput[]> {
  const { inputs, failures } = await namedPictures(images, signal);
  const [failure] = failures;
  if (failure) throw new NotFoundError(failure.message);
  if (inputs.length === 2) return inputs;
  throw new UsageError(`match takes two pictures, but ${images.join(" and ")} are ${inputs.length}`);
}

/** The middle of a patch in pixels of the photo. */
function centre([row, column]: readonly [number, number], { image, features }: EncodedPicture): Point {
  return transformPoint(patchToPicture(features.grid, image), [column, row]);
}

function matchTable(matches: readonly Match[]): string {
  const point = ([x, y]: readonly [number, number]) => `${x.toFixed(0)},${y.toFixed(0)}`;
  return table(
    matches.map(({ a, b, similarity }) => [similarity.toFixed(3), point(a), "→", point(b)]),
    "rrlr",
  );
}
