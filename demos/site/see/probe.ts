// Loaded when a linear probe is asked for: it brings the engine's graph and kernels into the page itself.
export { LinearProbe } from "../engine.ts";
