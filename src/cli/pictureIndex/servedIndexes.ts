// Indexes on the disk for `serve`: each with the served model that its rows are of.
import { basename, resolve } from "node:path";
import { ArgumentError, NotFoundError, VisionError } from "../../device/errors.ts";
import type { ServedIndex } from "../../server/indexes.ts";
import { type IndexModel, IndexTable, messageOf } from "./indexTable.ts";

/** A CLIP model that is served, as indexes know models. */
export interface ServedIdentity extends Pick<IndexModel, "identity" | "dtype"> {
  /** What requests call it. */
  readonly name: string;
}

/** An index to serve. */
export interface IndexRequest {
  /** What requests call it. */
  readonly name: string;
  readonly folder: string;
}

/** NAME=FOLDER, or FOLDER, whose last part is its name then. */
export function indexRequest(text: string): IndexRequest {
  const [, name = basename(resolve(text)), folder = text] = /^([\w.-]+)=(.+)$/s.exec(text) ?? [];
  return { name, folder };
}

/** Opens indexes for the models that are served. */
export async function openIndexes(
  requests: readonly IndexRequest[],
  models: readonly ServedIdentity[],
): Promise<ServedIndex[]> {
  return Promise.all(requests.map((request) => openIndex(request, models)));
}

async function openIndex({ name, folder }: IndexRequest, models: readonly ServedIdentity[]): Promise<ServedIndex> {
  const tables = await IndexTable.all(resolve(folder));
  if (tables.length === 0) throw new NotFoundError(`--index ${folder} is no index: webgpu-vision index makes one`);
  const modelOf = ({ model: { identity, dtype } }: IndexTable) =>
    models.find((model) => model.identity === identity && model.dtype === dtype);
  const served = tables.filter(modelOf);
  const [table] = served;
  const of = tables.map(({ model: { model, dtype } }) => `${model} (${dtype})`).join(", ");
  if (!table) throw new ArgumentError(`--index ${folder} has rows of ${of}: serve that model too`);
  if (served.length > 1) throw new ArgumentError(`--index ${folder} has rows of several models that are served: ${of}`);
  const { name: model } = modelOf(table) as ServedIdentity;
  const asked = <T>(where: string | undefined, work: () => Promise<T>) =>
    work().catch((cause) => {
      if (where === undefined || cause instanceof VisionError) throw cause;
      throw new ArgumentError(`where ${where} cannot be meant: ${messageOf(cause)}`, { cause });
    });
  return {
    name,
    model,
    count: (where) => asked(where, () => table.count(where)),
    search: async (vector, options) => {
      await table.refresh();
      return asked(options.where, () => table.search(vector, options));
    },
  };
}
