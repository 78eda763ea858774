// Methods that an address does not have are answered with 405 and those that it has (RFC 9110, section 15.5.6).
import type { FastifyInstance } from "fastify";
import { RequestError } from "./failures.ts";

/** Has the routes that are added from here on refuse all other methods; call the result when they are all there. */
export function otherMethods(app: FastifyInstance): () => void {
  const methods = new Map<string, string[]>();
  app.addHook("onRoute", ({ url, method }) => {
    methods.set(url, [...(methods.get(url) ?? []), method].flat());
  });
  return () => {
    for (const [url, allowed] of [...methods]) {
      const others = app.supportedMethods.filter((method) => !allowed.includes(method));
      app.route({
        method: others,
        url,
        schema: { hide: true },
        // Before anything is read: what a body would have to be does not matter.
        onRequest: async ({ method }, reply) => {
          reply.header("allow", allowed.join(", "));
          throw new RequestError(405, `${url} has no ${method}, expected ${allowed.join(" or ")}`);
        },
        handler: () => {},
      });
    }
  };
}
