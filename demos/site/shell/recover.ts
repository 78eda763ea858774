// A lost GPU is no reason to stop: the engine opens it again at the next call, and the page makes that call.
import { note, say } from "./messages.ts";

/** Calls, and once more when the GPU or the worker was lost meanwhile; the page says so. */
export async function recovering<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { name } = error as Error;
    if (name !== "DeviceLostError" && name !== "WorkerError") throw error;
    note("It was opened again, the model is being loaded onto it, and the work goes on.", {
      title: "The GPU was lost",
    });
    const result = await call();
    say("The GPU is back.");
    return result;
  }
}
