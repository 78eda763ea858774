// The page's side of encodeImages: it hands pictures to the worker as they are asked for, and gives what comes back.

import type { ImageLike } from "../io/image/image.ts";
import type { ImageSource } from "../pictures/decodeAhead.ts";
import type { EncodeImagesOptions } from "../pictures/encodeOptions.ts";
import { fromFailure } from "./failure.ts";
import { packImage } from "./parcel.ts";
import type { StreamReply, StreamRequest } from "./streamProtocol.ts";

type Callbacks = Pick<EncodeImagesOptions, "signal" | "onProgress" | "onError" | "onStep">;

/** A result with the picture it is of, as the caller gave it. */
export type Streamed = { readonly index: number; readonly image: ImageLike };

/** One call, until its iteration ends. */
export class StreamFromPage {
  readonly #port: MessagePort;
  readonly #callbacks: Callbacks;
  readonly #total: number | undefined;
  readonly #source: AsyncIterator<ImageLike> | Iterator<ImageLike>;
  readonly #images = new Map<number, ImageLike>();
  /** Pictures that could not be sent. In their place goes something that the worker cannot read either. */
  readonly #unsent = new Map<number, unknown>();
  #count = 0;
  /** The error that one of the caller's callbacks threw. */
  #failure: { readonly error: unknown } | undefined;
  /** The error that the source threw. It is thrown after the results of the pictures before it. */
  #sourceFailure: { readonly error: unknown } | undefined;
  #answer: (reply: StreamReply) => void = () => {};

  constructor(port: MessagePort, source: ImageSource, callbacks: Callbacks) {
    this.#port = port;
    this.#callbacks = callbacks;
    this.#total = Array.isArray(source) ? source.length : undefined;
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    port.onmessage = ({ data }: MessageEvent<StreamReply>) => this.#take(data);
  }

  /** The next result; undefined at the end. */
  async next(whileAlive: <T>(promise: Promise<T>) => Promise<T>): Promise<Streamed | undefined> {
    const { signal } = this.#callbacks;
    signal?.throwIfAborted();
    const reply = await whileAlive(
      new Promise<StreamReply>((resolve) => {
        this.#answer = resolve;
        this.#send("next");
      }),
    );
    if (this.#failure) throw this.#failure.error;
    signal?.throwIfAborted();
    if (typeof reply === "object" && "failure" in reply) {
      if (this.#sourceFailure) throw this.#sourceFailure.error;
      throw reply.failure.isAbort && signal?.aborted ? signal.reason : fromFailure(reply.failure);
    }
    if (typeof reply !== "object" || !("result" in reply)) return undefined;
    return { ...reply.result, image: this.#imageOf(reply.result.index) };
  }

  abort(): void {
    this.#send("abort");
  }

  /** Ends the work in the worker, and closes the source. */
  close(): void {
    this.abort();
    this.#port.close();
    void this.#source.return?.();
  }

  #send(request: StreamRequest, transfers: Transferable[] = []): void {
    this.#port.postMessage(request, transfers);
  }

  #imageOf(index: number): ImageLike {
    const image = this.#images.get(index) as ImageLike;
    this.#images.delete(index);
    return image;
  }

  #take(reply: StreamReply): void {
    if (reply === "want") void this.#give();
    else if (reply === "done" || "result" in reply || "failure" in reply) this.#answer(reply);
    else this.#tell(reply);
  }

  #tell(reply: Exclude<StreamReply, string | { result: unknown } | { failure: unknown }>): void {
    const { onProgress, onError, onStep } = this.#callbacks;
    try {
      if ("step" in reply) onStep?.(reply.step as Parameters<NonNullable<typeof onStep>>[0]);
      else if ("done" in reply) onProgress?.({ done: reply.done, total: this.#total });
      else onError?.(this.#errorOf(reply), { index: reply.index, image: this.#imageOf(reply.index) });
    } catch (error) {
      this.#failure ??= { error };
      this.abort();
    }
  }

  #errorOf({ index, broken }: { readonly index: number; readonly broken: Parameters<typeof fromFailure>[0] }): unknown {
    return this.#unsent.get(index) ?? fromFailure(broken);
  }

  /** Sends the next picture. */
  async #give(): Promise<void> {
    let index = 0;
    try {
      const { done, value } = await this.#source.next();
      if (done) return this.#send("end");
      index = this.#count++;
      this.#images.set(index, value);
      const transfers: Transferable[] = [];
      const image = await packImage(value, transfers).catch((error: unknown) => {
        this.#unsent.set(index, error);
        return new Uint8Array();
      });
      this.#send({ image }, transfers);
    } catch (error) {
      this.#sourceFailure = { error };
      this.#send("failed");
    }
  }
}
