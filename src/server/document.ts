// The OpenAPI document of the server, without a device and without models: the build writes it into the package, and
// makes the types of a client of it.
import { Admission } from "./admission.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { Metrics } from "./metrics.ts";
import { ServedModels } from "./models.ts";
import { Scenes } from "./scenes.ts";
import { loadPackages, makeApp } from "./server.ts";

/** What `GET /openapi.json` answers. */
export async function openApiDocument(version: string): Promise<object> {
  const packages = await loadPackages();
  const served = { batch: 1, onBatch: () => {} };
  const openDevice = () => Promise.reject(new Error("there are no models"));
  const parts = {
    models: new ServedModels([], { load: {}, served, openDevice, onLoss: () => {} }),
    scenes: new Scenes(DEFAULT_LIMITS),
    indexes: [],
    limits: DEFAULT_LIMITS,
    admission: new Admission(DEFAULT_LIMITS),
    metrics: new Metrics(packages.prometheus),
    version,
    readAddress: undefined,
    isClosing: () => false,
    onError: () => {},
  };
  const app = await makeApp(packages, parts);
  await app.ready();
  return app.swagger();
}
