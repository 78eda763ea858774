// The one door to the engine: the models in a worker, so that a page never waits for them, and what computes on their
// results.
export * from "../../src/index.ts";
export { Clip, Dino, Sam, SamScene } from "../../src/worker/index.ts";
