// What the routes that do work have in common: bodies in JSON and as forms, checked by one schema; the pictures in
// them; and how they stand in the OpenAPI document.
import type { FastifyInstance } from "fastify";
import type { ReadAddress } from "../addresses.ts";
import { RequestError } from "../failures.ts";
import { type BodySchema, readForm } from "../forms.ts";
import type { ServedIndex } from "../indexes.ts";
import type { ServerLimits } from "../limits.ts";
import type { ServedModels } from "../models.ts";
import type { Scenes } from "../scenes.ts";
import { ErrorAnswer, PICTURE } from "../schemas.ts";
import { Uploads } from "../uploads.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The pictures of the body. */
    uploads: Uploads;
  }
}

/** What routes are given. */
export interface Served {
  readonly models: ServedModels;
  readonly scenes: Scenes;
  readonly indexes: readonly ServedIndex[];
  readonly limits: ServerLimits;
  /** Reads pictures that requests name by their addresses, where that is allowed. */
  readonly readAddress: ReadAddress | undefined;
}

/** A request whose body was checked. */
export interface WorkRequest {
  readonly uploads: Uploads;
  /** Aborted when there is nobody to answer any more. */
  readonly signal: AbortSignal;
  /** Of a route about one scene. */
  readonly id: string;
}

export interface Work {
  readonly summary: string;
  readonly tag: string;
  /** Schema of the body in JSON. */
  readonly body: object;
  /** The same as a form, where that is not the body with files for its pictures. */
  readonly form?: object;
  readonly answer: object;
  /** Of a success, 200 when absent. */
  readonly status?: number;
}

/** Errors, for the document. */
export const ERRORS = {
  "4xx": { ...ErrorAnswer, description: "What is wrong with the request." },
  "5xx": { ...ErrorAnswer, description: "The server cannot do it now, or failed." },
};

/** Adds a POST that does work on the GPU. */
export function addWork(
  app: FastifyInstance,
  url: string,
  { summary, tag, body, form, answer, status = 200 }: Work,
  { limits: { pixels }, readAddress }: Served,
  work: (body: unknown, request: WorkRequest) => Promise<object>,
): void {
  const asForm = (form ?? withFiles(body)) as BodySchema;
  const content = { "application/json": { schema: body }, "multipart/form-data": { schema: asForm } };
  app.post<{ Params: { id?: string } }>(
    url,
    {
      config: { isWork: true },
      schema: { summary, tags: [tag], body: { content }, response: { [status]: answer, ...ERRORS }, ...paramsOf(url) },
      preValidation: async (request) => {
        const read = request.isMultipart() ? await readForm(request, asForm) : undefined;
        if (read) request.body = read.body;
        if (request.body == null) throw new RequestError(400, "the request has no body, expected JSON or a form");
        const { hold, work: signal } = request;
        request.uploads = new Uploads(read?.files ?? [], { pixels, readAddress, hold, signal });
      },
    },
    async ({ body, work: signal, uploads, params }, reply) => {
      reply.code(status);
      return work(body, { uploads, signal, id: params.id ?? "" });
    },
  );
}

/** The parameters that an address names. */
export function paramsOf(url: string) {
  const properties = Object.fromEntries([...url.matchAll(/:(\w+)/g)].map(([, name]) => [name, { type: "string" }]));
  return Object.keys(properties).length ? { params: { type: "object", properties } } : {};
}

/** A schema with files in the place of pictures. */
function withFiles(schema: unknown): unknown {
  if (schema === PICTURE) return { type: "string", format: "binary" };
  if (Array.isArray(schema)) return schema.map(withFiles);
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, withFiles(value)]));
}
