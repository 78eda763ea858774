// A server that is busy or hangs up is asked again, as often and after such pauses as by huggingface_hub
// (utils/_http.py, http_backoff). Loaded when one is.

/** Statuses that may pass: a time-out, too many requests, and failures of a server. */
const PASSING: readonly number[] = [408, 429, 500, 502, 503, 504];
const MAX_RETRIES = 5;
const FIRST_PAUSE_S = 1;
const MAX_PAUSE_S = 8;
/** A server that wants more patience is not waited for: its error tells how long it would be. */
const MAX_PATIENCE_S = 301; // the Hub counts requests in windows of 300 s

/** What a try gives: an answer, or the error of a connection that broke before it. */
type Answer = Response | Error;

/** The answer of the first try that is not of a busy server, or of the last one; rejects as soon as `signal` aborts. */
export async function askAgain(busy: Answer, ask: () => Promise<Answer>, signal?: AbortSignal | null): Promise<Answer> {
  let answer = busy;
  let pause = FIRST_PAUSE_S;
  for (let retry = 0; retry < MAX_RETRIES && mayPass(answer); retry++) {
    const askedPause = answer instanceof Error ? undefined : (untilReset(answer) ?? retryAfter(answer));
    if (askedPause !== undefined && askedPause > MAX_PATIENCE_S) break;
    if (!(answer instanceof Error)) await answer.body?.cancel();
    await sleep(1000 * (askedPause ?? pause), signal);
    pause = Math.min(MAX_PAUSE_S, 2 * pause);
    answer = await ask();
  }
  return answer;
}

function mayPass(answer: Answer): boolean {
  return answer instanceof Error || PASSING.includes(answer.status);
}

/**
 * Seconds until the Hub takes requests again: `ratelimit: "api";r=0;t=55` says that none are left for 55 s, which
 * may be rounded down (utils/_http.py, parse_ratelimit_headers).
 */
function untilReset({ status, headers }: Response): number | undefined {
  const limit = /"\w+"\s*;\s*r\s*=\s*(\d+)\s*;\s*t\s*=\s*(\d+)/.exec(headers.get("ratelimit") ?? "");
  return status === 429 && limit && Number(limit[1]) === 0 ? Number(limit[2]) + 1 : undefined;
}

/** Seconds that the server asks to wait, told as a whole number or a date; "1.5" and "-5" are neither. */
function retryAfter({ headers }: Response): number | undefined {
  const text = headers.get("retry-after")?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  // Date.parse takes "-5" for a month: a date of HTTP begins with the name of a day (RFC 9110, 5.6.7).
  const seconds = /^[A-Za-z]{3}/.test(text) ? (Date.parse(text) - Date.now()) / 1000 : Number.NaN;
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
