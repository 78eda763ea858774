// Which requests are taken on: so many at once, each for so long, and only for as long as its client waits.
import { setMaxListeners } from "node:events";
import type { FastifyInstance } from "fastify";
import { RequestError } from "./failures.ts";
import type { ServerLimits } from "./limits.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Whether requests of this route are work for the GPU, of which only so much is taken on. */
    isWork?: boolean;
  }

  interface FastifyRequest {
    /** Aborted when the client has gone, when the request has taken too long, and when the server must end. */
    work: AbortSignal;
  }
}

/** Requests whose time the next one's is guessed from. */
const REMEMBERED = 32;

/** Counts the work under way, and gives each request its signal. */
export class Admission {
  readonly #limits: ServerLimits;
  readonly #seconds: number[] = [];
  readonly #underWay = new Set<AbortController>();

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  /** Requests under way. */
  get accepted(): number {
    return this.#underWay.size;
  }

  /** Ends what is under way: the server has waited long enough for it. */
  end(): void {
    for (const work of this.#underWay) work.abort(new RequestError(503, "the server was stopped"));
  }

  /** Has a server ask here before it reads the body of a request. */
  guard(app: FastifyInstance): void {
    app.decorateRequest("work");
    app.addHook("onRequest", async (request, reply) => {
      if (!request.routeOptions.config.isWork) return;
      if (this.accepted >= this.#limits.queue) throw this.#refusal();
      const began = performance.now();
      const work = new AbortController();
      setMaxListeners(0, work.signal); // each picture of a request listens
      const tooLong = new RequestError(504, `the request took over ${this.#limits.timeout} s: ask for less at once`);
      const timer = setTimeout(() => work.abort(tooLong), this.#limits.timeout * 1000);
      this.#underWay.add(work);
      request.work = work.signal;
      reply.raw.once("close", () => {
        clearTimeout(timer);
        this.#underWay.delete(work);
        if (reply.raw.writableFinished) this.#remember((performance.now() - began) / 1000);
        else work.abort(new RequestError(499, "the client has gone"));
      });
    });
  }

  #remember(seconds: number): void {
    this.#seconds.push(seconds);
    if (this.#seconds.length > REMEMBERED) this.#seconds.shift();
  }

  /** Half of what is under way will be done in about the time that a request takes. */
  #refusal(): RequestError {
    const mean = this.#seconds.reduce((sum, seconds) => sum + seconds, 0) / (this.#seconds.length || 1);
    const retryAfter = Math.min(60, Math.max(1, Math.ceil(mean / 2)));
    const message = `${this.accepted} requests are under way, which is the most: try again in ${retryAfter} s`;
    return new RequestError(429, message, { retryAfter });
  }
}
