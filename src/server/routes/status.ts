// What is not work: which models there are, whether the server is well, what it measures, and its OpenAPI document.
import type { FastifyInstance } from "fastify";
import type { Metrics } from "../metrics.ts";
import { ModelsAnswer, StatusAnswer } from "../schemas.ts";
import { ERRORS, type Served } from "./route.ts";

/** Routes that need no token: whoever watches over the server asks them. */
export const OPEN_ROUTES: readonly string[] = ["/healthz", "/readyz"];

export function addStatusRoutes(app: FastifyInstance, { models }: Served, metrics: Metrics, isClosing: () => boolean) {
  const tags = ["Server"];
  app.get(
    "/v1/models",
    { schema: { summary: "The models that are served", tags, response: { 200: ModelsAnswer, ...ERRORS } } },
    async () => ({
      object: "list",
      data: models.list.map(({ name, modelClass, dtype }) => {
        return { id: name, object: "model", owned_by: "webgpu-vision", class: modelClass, dtype };
      }),
    }),
  );
  const status = { 200: StatusAnswer };
  app.get("/healthz", { schema: { summary: "Whether the process answers", tags, response: status } }, async () => ({
    status: "ok",
  }));
  app.get(
    "/readyz",
    { schema: { summary: "Whether requests are taken on", tags, response: { ...status, 503: StatusAnswer } } },
    async (_, reply) => {
      const state = isClosing() ? "closing" : models.isReady ? "ready" : "the GPU device was lost";
      return reply.code(state === "ready" ? 200 : 503).send({ status: state });
    },
  );
  app.get(
    "/metrics",
    { schema: { summary: "Measures for Prometheus", tags, produces: ["text/plain"] } },
    async (_, reply) => {
      return reply.type(metrics.contentType).send(await metrics.text());
    },
  );
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
