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
    /** Counts bytes that are read for the request beside its body; throws a RequestError where there is no room. */
    hold: (bytes: number) => void;
  }
}

/** Bodies of the largest size that are held in memory at once. */
const MOST_BODIES = 8;

/** Requests whose time the next one's is guessed from. */
const REMEMBERED = 32;

/** Counts the work under way, and gives each request its signal. */
export class Admission {
  readonly #limits: ServerLimits;
  readonly #seconds: number[] = [];
  /** What is under way, with the bytes of its body. */
  readonly #underWay = new Map<AbortController, number>();

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  /** Requests under way. */
  get accepted(): number {
    return this.#underWay.size;
  }

  /** Ends what is under way: the server has waited long enough for it. */
  end(): void {
    for (const work of this.#underWay.keys()) work.abort(new RequestError(503, "the server was stopped"));
  }

  /** Has a server ask here before it reads the body of a request. */
  guard(app: FastifyInstance): void {
    app.decorateRequest("work");
    app.decorateRequest("hold");
    app.addHook("onRequest", async (request, reply) => {
      if (!request.routeOptions.config.isWork) return;
      const bytes = this.#bytesOf(request.headers["content-length"]);
      if (!this.#hasRoom(bytes)) throw this.#refusal();
      const began = performance.now();
      const work = new AbortController();
      setMaxListeners(0, work.signal); // each picture of a request listens
      const tooLong = new RequestError(504, `the request took over ${this.#limits.timeout} s: ask for less at once`);
      const timer = setTimeout(() => work.abort(tooLong), this.#limits.timeout * 1000);
      this.#underWay.set(work, bytes);
      request.work = work.signal;
      request.hold = this.#holdFor(work);
      reply.raw.once("close", () => {
        clearTimeout(timer);
        this.#underWay.delete(work);
        if (reply.raw.writableFinished) this.#remember((performance.now() - began) / 1000);
        else work.abort(new RequestError(499, "the client has gone"));
      });
    });
  }

  #holdFor(work: AbortController): (bytes: number) => void {
    let beside = 0;
    return (bytes) => {
      beside += bytes;
      const most = this.#limits.bodyBytes;
      if (beside > most) throw new RequestError(413, `what the request names has more than ${most} bytes`);
      if (!this.#hasRoomFor(bytes)) throw this.#refusal();
      const held = this.#underWay.get(work);
      if (held !== undefined) this.#underWay.set(work, held + bytes);
    };
  }

  /** Bytes of a body that is yet to be read; who does not say how many may send as many as are allowed. */
  #bytesOf(declared: string | undefined): number {
    const most = this.#limits.bodyBytes;
    return declared === undefined ? most : Math.min(Number(declared), most);
  }

  #hasRoom(bytes: number): boolean {
    return this.accepted < this.#limits.queue && this.#hasRoomFor(bytes);
  }

  #hasRoomFor(bytes: number): boolean {
    const held = [...this.#underWay.values()].reduce((sum, some) => sum + some, 0);
    return held === 0 || held + bytes <= MOST_BODIES * this.#limits.bodyBytes;
  }

  #remember(seconds: number): void {
    this.#seconds.push(seconds);
    if (this.#seconds.length > REMEMBERED) this.#seconds.shift();
  }

  /** Half of what is under way will be done in about the time that a request takes. */
  #refusal(): RequestError {
    const mean = this.#seconds.reduce((sum, seconds) => sum + seconds, 0) / (this.#seconds.length || 1);
    const retryAfter = Math.min(60, Math.max(1, Math.ceil(mean / 2)));
    const what = `${this.accepted} requests are under way, and there is no room for one more`;
    const message = `${what}: try again in ${retryAfter} s`;
    return new RequestError(429, message, { retryAfter });
  }
}
