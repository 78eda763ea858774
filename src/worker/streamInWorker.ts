// The worker's side of encodeImages: the model's own iteration, over pictures that the page sends.

import { toFailure } from "./failure.ts";
import { buffersOf, closePictures } from "./parcel.ts";
import type { StreamReply, StreamRequest, StreamWishes } from "./streamProtocol.ts";

/** A model's encodeImages. */
type Encode = (source: AsyncIterable<unknown>, options: object) => AsyncIterator<Result>;

interface Result {
  readonly index: number;
  readonly image: unknown;
}

/** Serves one call until its iteration ends, in the page or in the worker. */
export function streamInWorker(encode: Encode, options: object, wishes: StreamWishes, port: MessagePort): void {
  const controller = new AbortController();
  const { signal } = controller;
  const open = new Map<number, unknown>();
  let deliver: (request: StreamRequest) => void = () => {};
  const send = (reply: StreamReply, transfers: Transferable[] = []) => port.postMessage(reply, transfers);
  const close = (index: number) => {
    closePictures([open.get(index)]);
    open.delete(index);
  };
  async function* pictures(): AsyncGenerator<unknown, void, undefined> {
    for (let index = 0; ; index++) {
      const request = await new Promise<StreamRequest>((resolve) => {
        deliver = resolve;
        send("want");
      });
      if (request === "failed") throw new Error("the source of pictures failed");
      if (typeof request !== "object") return;
      open.set(index, request.image);
      yield request.image;
    }
  }
  const results = encode(pictures(), {
    ...options,
    signal,
    onProgress: ({ done }: { done: number }) => send({ done }),
    ...(wishes.onStep && { onStep: (step: unknown) => send({ step }) }),
    ...(wishes.onError && {
      onError: (error: unknown, { index }: { index: number }) => {
        send({ broken: toFailure(error), index });
        close(index);
      },
    }),
  });
  const end = (reply: StreamReply) => {
    for (const index of open.keys()) close(index);
    send(reply);
  };
  const next = async () => {
    try {
      const { done, value } = await results.next();
      if (done) return end("done");
      const { image: _, ...result } = value as Result;
      send({ result }, [...buffersOf(result)]);
      close(result.index);
    } catch (error) {
      end({ failure: toFailure(error, signal) });
    }
  };
  port.onmessage = ({ data }: MessageEvent<StreamRequest>) => {
    if (data === "next") return void next();
    if (data !== "abort") return deliver(data);
    controller.abort();
    deliver("end");
    // A page that has left its loop asks for no further result.
    void results.return?.().finally(() => {
      for (const index of open.keys()) close(index);
    });
  };
}
