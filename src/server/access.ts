// Who may ask: whoever knows the token; without one, whoever is on this machine.
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import type { FastifyInstance } from "fastify";
import { RequestError } from "./failures.ts";

export interface AccessOptions {
  /** What `Authorization: Bearer` must say. */
  readonly token?: string | undefined;
  /** The address that the server listens on. */
  readonly host: string;
  /** Routes that anybody may ask. */
  readonly open: readonly string[];
}

/** Has a server look at each request before anything else does. */
export function guardAccess(app: FastifyInstance, { token, host, open }: AccessOptions): void {
  const expected = token === undefined ? undefined : digest(`Bearer ${token}`);
  app.addHook("onRequest", async ({ headers, routeOptions }, reply) => {
    if (expected) {
      if (open.includes(routeOptions.url ?? "")) return;
      // Digests have one length, and are compared in one time whatever they are.
      if (timingSafeEqual(expected, digest(headers.authorization ?? ""))) return;
      reply.header("www-authenticate", "Bearer");
      throw new RequestError(401, "expected the header `Authorization: Bearer TOKEN` with this server's token");
    }
    if (!isLoopback(host)) return;
    // A web page can have a name of its own lead to this machine, and read what a server there answers (DNS
    // rebinding): it cannot choose the name that the browser then sends.
    const address = `http://${headers.host}`;
    if (URL.canParse(address) && isLoopback(new URL(address).hostname)) return;
    throw new RequestError(403, `this server answers requests to ${host} alone: start it with --host or a token`);
  });
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  if (address === "localhost" || address.endsWith(".localhost")) return true;
  return isIP(address) === 4 ? address.startsWith("127.") : address === "::1";
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
