// The HTTP server: models behind JSON and forms, with bounds on all that a client can ask. Fastify reads and checks
// the requests, and its plugin makes the OpenAPI document of their schemas; both are loaded when a server is made.
import type { FastifyInstance } from "fastify";
import { NotFoundError } from "../device/errors.ts";
import { guardAccess } from "./access.ts";
import type { ReadAddress } from "./addresses.ts";
import { Admission } from "./admission.ts";
import { failureOf } from "./failures.ts";
import type { ServedIndex } from "./indexes.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "./limits.ts";
import { otherMethods } from "./methods.ts";
import { Metrics } from "./metrics.ts";
import { type ModelRequest, type OpenModelsOptions, type ServedModel, ServedModels } from "./models.ts";
import { addClipRoutes } from "./routes/clip.ts";
import { addDinoRoutes } from "./routes/dino.ts";
import type { Served } from "./routes/route.ts";
import { addSamRoutes } from "./routes/sam.ts";
import { addSearchRoutes } from "./routes/search.ts";
import { addStatusRoutes, OPEN_ROUTES } from "./routes/status.ts";
import { Scenes } from "./scenes.ts";

export interface ServerOptions extends Pick<OpenModelsOptions, "load" | "openDevice"> {
  readonly models: readonly ModelRequest[];
  /** The address to listen on, 127.0.0.1 when absent. */
  readonly host?: string;
  /** The port to listen on; 0 is any that is free. */
  readonly port?: number;
  /** What `Authorization: Bearer` must say. */
  readonly token?: string | undefined;
  readonly limits?: Partial<ServerLimits>;
  /** Reads pictures that requests name by their addresses (`addressReader`); when absent they may not. */
  readonly readAddress?: ReadAddress | undefined;
  /** Opens the indexes that requests can search; none when absent. */
  readonly openIndexes?: ((models: readonly ServedModel[]) => Promise<readonly ServedIndex[]>) | undefined;
  /** Version of the package, for the OpenAPI document. */
  readonly version: string;
  /** Told of each error that is a fault of the server. */
  readonly onError?: (error: unknown) => void;
}

/** A server that listens. */
export interface RunningServer {
  /** Fastify's own object, for tests: `app.inject` asks without a socket. */
  readonly app: FastifyInstance;
  readonly models: ServedModels;
  /** As "http://127.0.0.1:8080". */
  readonly address: string;
  /**
   * Takes on no more requests, and resolves when those under way are answered; those that are not after so many seconds
   * are ended.
   */
  close(graceSeconds: number): Promise<void>;
}

/**
 * Loads models and serves them.
 *
 * @throws NotFoundError where the optional packages are not installed; what loading a model throws.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host = "127.0.0.1", port = 0, onError = () => {} } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const packages = await loadPackages();
  const metrics = new Metrics(packages.prometheus);
  const scenes = new Scenes(limits);
  const admission = new Admission(limits);
  const onLoss = () => {
    metrics.onLoss();
    scenes.clear();
  };
  const served = { batch: limits.batch, onBatch: (items: number) => metrics.onBatch(items) };
  const { load, openDevice } = options;
  const models = await ServedModels.open(options.models, { load, openDevice, served, onLoss });
  let closing: Promise<void> | undefined;
  try {
    const { token, version, readAddress, openIndexes } = options;
    const indexes = (await openIndexes?.(models.list)) ?? [];
    const isClosing = () => closing !== undefined;
    const parts = { models, scenes, indexes, limits, admission, metrics, version, readAddress, isClosing, onError };
    const app = await makeApp(packages, parts, { token, host });
    const address = await app.listen({ host, port });
    const end = async (graceSeconds: number) => {
      const timer = setTimeout(() => admission.end(), graceSeconds * 1000);
      await app.close();
      clearTimeout(timer);
      scenes.clear();
      models.dispose();
    };
    const close = (graceSeconds: number) => {
      closing ??= end(graceSeconds);
      return closing;
    };
    return { app, models, address, close };
  } catch (error) {
    models.dispose();
    throw error;
  }
}

/** What a server is made of. */
interface Parts extends Served {
  readonly admission: Admission;
  readonly metrics: Metrics;
  readonly version: string;
  readonly isClosing: () => boolean;
  readonly onError: (error: unknown) => void;
}

/** All routes, with what is asked of each request before it comes to its own. */
export async function makeApp(
  packages: Packages,
  parts: Parts,
  access?: { readonly token: string | undefined; readonly host: string },
): Promise<FastifyInstance> {
  const { models, scenes, admission, metrics, isClosing } = parts;
  const app = await bareApp(packages, parts);
  if (access) guardAccess(app, { ...access, open: OPEN_ROUTES });
  admission.guard(app);
  metrics.watch(app, admission, scenes, models);
  answerErrors(app, parts.onError);
  // Or the end of the server would wait for clients that keep their connections.
  app.addHook("onSend", async (_, reply) => {
    if (isClosing()) reply.header("connection", "close");
  });
  await app.register(async (routes) => {
    const refuseOthers = otherMethods(routes);
    addClipRoutes(routes, parts);
    addDinoRoutes(routes, parts);
    addSamRoutes(routes, parts);
    addSearchRoutes(routes, parts);
    addStatusRoutes(routes, parts, metrics, isClosing);
    refuseOthers();
  });
  return app;
}

async function bareApp({ fastify, multipart, swagger }: Packages, { limits, version }: Parts) {
  const app = fastify({
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.timeout * 1000, // to receive one
    forceCloseConnections: "idle",
    // Nothing is passed over in silence: fields that no schema has are errors, and so are numbers in quotes.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, strict: false } },
    routerOptions: { maxParamLength: 100 },
  });
  app.removeContentTypeParser("text/plain");
  const files = { fileSize: limits.bodyBytes, files: limits.items, fields: 8192, parts: 8192 + limits.items };
  await app.register(multipart, { limits: files, throwFileSizeLimit: true });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "webgpu-vision", version, description: "CLIP, DINO and SAM on WebGPU." },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{}, { token: [] }],
    },
  });
  // Answers are written as they are: their schemas are for the document, and tests hold the answers to them.
  app.setSerializerCompiler(() => JSON.stringify);
  return app;
}

function answerErrors(app: FastifyInstance, onError: (error: unknown) => void): void {
  app.setErrorHandler((error, _request, reply) => {
    const { status, retryAfter, body } = failureOf(error);
    if (status === 500) onError(error);
    if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter));
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler(({ method, url }, reply) => {
    const [path] = url.split("?");
    const { status, body } = failureOf(
      new NotFoundError(`there is no ${method} ${path}: GET /openapi.json says what is`),
    );
    return reply.code(status).send(body);
  });
}

type Packages = Awaited<ReturnType<typeof loadPackages>>;

/** The packages that only a server needs. */
export async function loadPackages() {
  try {
    const [fastify, multipart, swagger, prometheus] = await Promise.all([
      import("fastify"),
      import("@fastify/multipart"),
      import("@fastify/swagger"),
      import("prom-client"),
    ]);
    return {
      fastify: fastify.default,
      multipart: multipart.default,
      swagger: swagger.default,
      prometheus: prometheus.default,
    };
  } catch (cause) {
    const packages = "fastify @fastify/multipart @fastify/swagger prom-client";
    throw new NotFoundError(`a server needs packages that are not installed here: npm install ${packages}`, { cause });
  }
}
