// A server that is busy is asked again, as often and after such pauses as by huggingface_hub (utils/_http.py,
// http_backoff). Loaded when one is.

/** Statuses that may pass: too many requests, and failures of a server. */
const PASSING: readonly number[] = [429, 500, 502, 503, 504];
const MAX_RETRIES = 5;
const FIRST_PAUSE_S = 1;
const MAX_PAUSE_S = 8;
/** A server that wants more patience is not waited for: its error tells how long it would be. */
const MAX_PATIENCE_S = 300;

/** The answer of the first try that is not of a busy server, or of the last one; rejects as soon as `signal` aborts. */
export async function askAgain(
  busy: Response,
  ask: () => Promise<Response>,
  signal?: AbortSignal | null,
): Promise<Response> {
  let response = busy;
  let pause = FIRST_PAUSE_S;
  for (let retry = 0; retry < MAX_RETRIES && PASSING.includes(response.status); retry++) {
    const wanted = retryAfter(response);
    if (wanted !== undefined && wanted > MAX_PATIENCE_S) break;
    await response.body?.cancel();
    await sleep(1000 * (wanted ?? pause), signal);
    pause = Math.min(MAX_PAUSE_S, 2 * pause);
    response = await ask();
  }
  return response;
}

/** Seconds that the server asks to wait, told as a number or a date. */
function retryAfter({ headers }: Response): number | undefined {
  const text = headers.get("retry-after")?.trim();
  if (!text) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

function sleep(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}
