// What a server tells Prometheus of itself.
import type { FastifyInstance } from "fastify";
import type * as prometheus from "prom-client";
import type { Admission } from "./admission.ts";
import type { ServedModels } from "./models.ts";
import type { Scenes } from "./scenes.ts";

export type Prometheus = typeof prometheus;

/** What is measured, under the names of Prometheus' conventions. */
export class Metrics {
  readonly #registry: prometheus.Registry;
  readonly #library: Prometheus;
  readonly #batches: prometheus.Histogram;
  readonly #losses: prometheus.Counter;

  constructor(library: Prometheus) {
    const { Registry, Histogram, Counter, collectDefaultMetrics } = library;
    const registers = [new Registry()];
    [this.#registry] = registers as [prometheus.Registry];
    this.#library = library;
    collectDefaultMetrics({ register: this.#registry });
    this.#batches = new Histogram({
      name: "webgpu_vision_batch_items",
      help: "Pictures, texts or prompts in one run of a model.",
      buckets: [1, 2, 4, 8, 16, 32],
      registers,
    });
    this.#losses = new Counter({
      name: "webgpu_vision_device_losses_total",
      help: "Times that the GPU device was lost, and the models were loaded again.",
      registers,
    });
  }

  onBatch(items: number): void {
    this.#batches.observe(items);
  }

  onLoss(): void {
    this.#losses.inc();
  }

  /** All of it in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Its MIME type. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Counts and times the requests of a server. */
  watch(app: FastifyInstance, admission: Admission, scenes: Scenes, models: ServedModels): void {
    const { Gauge, Histogram } = this.#library;
    const registers = [this.#registry];
    const durations = new Histogram({
      name: "webgpu_vision_request_seconds",
      help: "Seconds from a request to the end of its answer.",
      labelNames: ["route", "status"] as const,
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
      registers,
    });
    app.addHook("onResponse", async (request, reply) => {
      const route = request.routeOptions.url ?? "none";
      durations.observe({ route, status: String(reply.statusCode) }, reply.elapsedTime / 1000);
    });
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name: `webgpu_vision_${name}`,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    gauge("requests_accepted", "Requests under way.", () => admission.accepted);
    gauge("scenes", "Encoded pictures kept for prompts.", () => scenes.count);
    gauge("gpu_bytes", "Bytes held on the GPU.", () => models.memory?.bytes ?? 0);
  }
}
