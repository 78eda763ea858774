// Bodies of the type multipart/form-data, which `curl -F` and web pages send: files and fields become what the same
// request has in JSON.
import type {} from "@fastify/multipart";
import type { FastifyError, FastifyRequest } from "fastify";
import { RequestError } from "./failures.ts";
import { placeholder } from "./uploads.ts";

/** What a schema says of a field, as far as forms care. */
interface FieldSchema {
  readonly type?: string;
  readonly items?: FieldSchema;
  readonly format?: string;
}

/** What a schema says of a body. */
export interface BodySchema extends FieldSchema {
  readonly properties: Readonly<Record<string, FieldSchema>>;
}

/** A form as a body, and its files: in the body a name stands for each of them. */
export interface Form {
  readonly body: Readonly<Record<string, unknown>>;
  readonly files: readonly Uint8Array[];
}

/**
 * Reads the form that a request sends, by what the schema of its body says of each field.
 *
 * @throws RequestError for what is no form; Fastify's own error for a form that is too large.
 */
export async function readForm(request: FastifyRequest, schema: BodySchema): Promise<Form> {
  try {
    return await readParts(request, schema);
  } catch (error) {
    if (error instanceof RequestError || (error as FastifyError).statusCode !== undefined) throw error;
    throw new RequestError(400, `the form cannot be read: ${(error as Error).message}`);
  }
}

async function readParts(request: FastifyRequest, { properties }: BodySchema): Promise<Form> {
  const body: Record<string, unknown> = Object.create(null);
  const files: Uint8Array[] = [];
  for await (const part of request.parts()) {
    const name = part.fieldname;
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const isList = schema?.type === "array";
    const value =
      part.type === "file" ? placeholder(files.length) : fieldOf(part.value, isList ? schema.items : schema);
    if (part.type === "file") files.push(await part.toBuffer());
    if (!isList && name in body)
      throw new RequestError(400, `the form has ${name} twice, expected it once`, { param: name });
    body[name] = isList ? [...((body[name] ?? []) as unknown[]), ...listOf(value, schema)] : value;
  }
  return { body, files };
}

/** A field may hold one of a list, or a list in JSON. */
function listOf(value: unknown, { items }: FieldSchema): unknown[] {
  const isOne = !Array.isArray(value) || (items?.type === "array" && !value.every(Array.isArray));
  return isOne ? [value] : value;
}

/** A field's text as what the schema wants there; as it is where that is text, or where it cannot be read so. */
function fieldOf(text: unknown, schema: FieldSchema | undefined): unknown {
  if (typeof text !== "string" || schema === undefined || schema.type === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // the check of the body says what is wrong with it
  }
}
