// Pictures that a request names by their addresses, where whoever runs the server allows it. Strangers choose what is
// asked then, so it must be nothing that only this machine or its network can reach: the agent looks at the address
// that a name leads to in the moment it connects, so that no second answer of a name server gets by (DNS rebinding).
import { get as getHttp, type IncomingMessage } from "node:http";
import { get as getHttps } from "node:https";
import { NotFoundError } from "../device/errors.ts";
import { RequestError } from "./failures.ts";

/** Reads the bytes of an address. */
export type ReadAddress = (address: string, request: AddressRequest) => Promise<Uint8Array>;

interface AddressRequest {
  /** The field that names it. */
  readonly param: string;
  /** Told of bytes as they come; throws where they are too many. */
  readonly take: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** As many as browsers' fetch follows would be many: who sends a picture's address knows where it is. */
const MOST_REDIRECTS = 5;

/**
 * Makes what reads addresses; `allowed` are IP addresses of private networks that may be asked in spite of it, for
 * tests.
 *
 * @throws NotFoundError where the package that looks at addresses is not installed.
 */
export async function addressReader(allowed: readonly string[] = []): Promise<ReadAddress> {
  const { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } = await import("request-filtering-agent").catch(
    (cause) => {
      const what = "reading addresses needs a package that is not installed here";
      throw new NotFoundError(`${what}: npm install request-filtering-agent`, { cause });
    },
  );
  const options = { allowIPAddressList: [...allowed] };
  const ask = {
    "http:": { get: getHttp, agent: new RequestFilteringHttpAgent(options) },
    "https:": { get: getHttps, agent: new RequestFilteringHttpsAgent(options) },
  };

  const answerOf = (url: URL, signal: AbortSignal): Promise<IncomingMessage> => {
    const { get, agent } = ask[url.protocol as keyof typeof ask];
    return new Promise((resolve, reject) => {
      get(url, { agent, signal, headers: { accept: "image/*" } }, resolve).on("error", reject);
    });
  };

  return async (address, { param, take, signal }) => {
    const fail = (why: string) => new RequestError(400, `${param}, ${address.slice(0, 200)}, ${why}`, { param });
    let url = parsed(address);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      if (!url || !(url.protocol in ask)) throw fail("is no http: or https: address");
      try {
        const answer = await answerOf(url, signal);
        const { statusCode = 0, headers } = answer;
        if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
          answer.destroy();
          url = parsed(headers.location, url);
          continue;
        }
        if (statusCode !== 200) {
          answer.destroy();
          throw fail(`answers with status ${statusCode}`);
        }
        return await bytesOf(answer, take);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof RequestError) throw error;
        throw fail(whyOf(error as NodeJS.ErrnoException));
      }
    }
    throw fail(`leads on more than ${MOST_REDIRECTS} times`);
  };
}

function parsed(address: string, base?: URL): URL | undefined {
  return URL.canParse(address, base) ? new URL(address, base) : undefined;
}

async function bytesOf(answer: IncomingMessage, take: AddressRequest["take"]): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) {
    take(chunk.length);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Nothing of an error that tells of the network that the server stands in. */
function whyOf({ message, code }: NodeJS.ErrnoException): string {
  if (/is not allowed/.test(message)) return "is of a private network, which this server does not ask";
  return `cannot be read${code === undefined ? "" : `: ${code}`}`;
}
