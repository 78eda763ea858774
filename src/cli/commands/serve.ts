// `serve`: models behind an HTTP server, until Ctrl-C or SIGTERM.
import { readFile } from "node:fs/promises";
import { ArgumentError, NotFoundError } from "../../device/errors.ts";
import { openDevice } from "../../device/open.ts";
import { loadSharp } from "../../io/image/decode.ts";
import { isLoopback } from "../../server/access.ts";
import { addressReader } from "../../server/addresses.ts";
import type { ServerLimits } from "../../server/limits.ts";
import type { ModelRequest, ServedModel } from "../../server/models.ts";
import { type RunningServer, startServer } from "../../server/server.ts";
import { type Context, downloadBars, sourceOptions } from "../context.ts";
import { EXIT, UsageError } from "../failure.ts";
import { packageVersion, shippedCheckpoint } from "../files/paths.ts";
import { jsonText } from "../printable.ts";
import { table } from "../table.ts";
import { modelOf } from "./indexPictures.ts";

export interface ServeRequest {
  /** As NAME=SOURCE, or SOURCE, which is then its own name. */
  readonly models: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly tokenFile?: string;
  /** Seconds that requests under way have to end when the server is stopped. */
  readonly grace: number;
  readonly memoryBudget?: number;
  /** Read pictures that requests name by their addresses. */
  readonly allowUrls: boolean;
  /** Indexes that requests can search, as NAME=FOLDER or FOLDER. */
  readonly index: readonly string[];
  readonly limits: Partial<ServerLimits>;
}

const SHIPPED = ["tiny-clip", "tiny-dino", "tiny-sam"];

/** Throws UsageError for what cannot be meant, before any work is done; gives the models. */
export function modelsToServe({ models }: Pick<ServeRequest, "models">, model: string | undefined): ModelRequest[] {
  const asked = model === undefined ? models : [model, ...models];
  const requests = asked.map((text): ModelRequest => {
    const [, name = text, source = text] = /^([\w.-]+)=(.+)$/s.exec(text) ?? [];
    return { name, source };
  });
  const twice = requests.find(({ name }, i) => requests.findIndex((other) => other.name === name) < i);
  if (twice) throw new UsageError(`two models are called ${twice.name}: give one a name of its own, as NAME=SOURCE`);
  if (requests.length > 0) return requests;
  return SHIPPED.map((name) => ({ name, source: shippedCheckpoint(name) }));
}

export async function serve(request: ServeRequest, context: Context): Promise<number> {
  const { options, terminal, signal } = context;
  const { host, port, limits, grace, memoryBudget, allowUrls } = request;
  const models = modelsToServe(request, options.model);
  const token = await readToken(request.tokenFile);
  await loadSharp(); // without it no picture could be read
  const readAddress = allowUrls ? await addressReader() : undefined;
  const { onProgress, stop } = downloadBars(terminal);
  const server = await startServer({
    models,
    host,
    port,
    token,
    limits,
    readAddress,
    ...(request.index.length > 0 && { openIndexes: (served) => indexesFor(request.index, models, served, context) }),
    version: packageVersion(),
    load: { ...sourceOptions({ options, signal }), dtype: options.dtype, onProgress },
    openDevice: () => openDevice({ memoryBudget }),
    onError: (error) => terminal.warn(error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
  })
    .catch((error: NodeJS.ErrnoException) => {
      if (error.syscall !== "listen") throw error;
      const why = error.code === "EADDRINUSE" ? "another program listens there: choose another --port" : error.code;
      throw new ArgumentError(`the server cannot listen on ${host}, port ${port}: ${why}`, { cause: error });
    })
    .finally(stop);
  tell(server, token, request, context);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
  terminal.note("stopping: what was accepted is answered first; Ctrl-C again ends it at once");
  await server.close(grace);
  return EXIT.OK;
}

/** Opens indexes, with a hash of each CLIP model that is served: rows of another one cannot be compared. */
async function indexesFor(
  texts: readonly string[],
  models: readonly ModelRequest[],
  served: readonly ServedModel[],
  context: Context,
) {
  const { indexRequest, openIndexes } = await import("../pictureIndex/servedIndexes.ts");
  const identities = [];
  for (const { name, modelClass, dtype } of served) {
    if (modelClass !== "Clip") continue;
    const { source } = models.find((model) => model.name === name) as ModelRequest;
    const { identity } = await modelOf({ ...context, options: { ...context.options, model: source } }, dtype);
    identities.push({ name, identity, dtype });
  }
  return openIndexes(texts.map(indexRequest), identities);
}

function tell({ address, models }: RunningServer, token: string | undefined, { host }: ServeRequest, context: Context) {
  const { options, terminal } = context;
  if (token === undefined && !isLoopback(host)) {
    terminal.warn(`anybody who reaches ${host} can use this server: give it a token by --token-file`);
  }
  if (options.json) return terminal.result(jsonText({ address, models: models.list }));
  const rows = models.list.map(({ name, modelClass, dtype }) => [name, modelClass, dtype]);
  terminal.result(table([["model", "class", "dtype"], ...rows], "lll"));
  const header = token === undefined ? "" : ' -H "Authorization: Bearer $WEBGPU_VISION_TOKEN"';
  terminal.result(
    `\nlistening on ${terminal.bold(address)}, ${address}/openapi.json says what it answers. For example:`,
  );
  terminal.result(`  curl${header} ${address}/v1/${EXAMPLES[models.list[0]?.modelClass ?? "Clip"]}`);
}

const EXAMPLES: Readonly<Record<ServedModel["modelClass"], string>> = {
  Clip: "classify -F images=@cat.jpg -F labels=cat -F labels=dog",
  Dino: "features -F images=@cat.jpg",
  Sam: 'segment -F image=@cat.jpg -F \'points={"x": 100, "y": 100}\'',
};

/** The token that requests must know: of a file or the environment, as other users of the machine see command lines. */
async function readToken(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return process.env.WEBGPU_VISION_TOKEN || undefined;
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new NotFoundError(`--token-file ${file} cannot be read: ${cause.code}`, { cause });
  });
  const token = text.trim();
  if (/^[\x21-\x7e]{16,}$/.test(token)) return token;
  throw new ArgumentError(
    `--token-file ${file} holds no token: expected 16 or more letters, digits and signs in a line`,
  );
}
