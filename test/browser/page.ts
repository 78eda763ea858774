// What the page of the tests beside it runs: one case of one kernel at a time, and whole models, on the browser's own
// device.
import type { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/open.ts";
import * as suites from "../../src/verify/index.ts";
import { type CaseResult, runCase } from "../../src/verify/run.ts";
import type { KernelSuite } from "../../src/verify/suite.ts";
import { clipResnetSmoke } from "../clipResnetSmoke.ts";
import { clipSmoke, type SmokeResult } from "../clipSmoke.ts";
import { type DinoSmokeResult, dinoSmoke } from "../dinoSmoke.ts";
import { type SAM_PICTURE, type SamSmokeResult, samSmoke } from "../samSmoke.ts";
import { VIDEO, type VideoSmokeResult, videoSmoke } from "../videoSmoke.ts";

/** What a test asks the page to run. */
export interface CaseRequest {
  readonly suite: string;
  readonly index: number;
  readonly dtype: "f32" | "f16";
}

/** What the page offers to the test. */
export interface Page {
  open(): Promise<{ adapter: string; hasF16: boolean }>;
  run(request: CaseRequest): Promise<CaseResult>;
  /** The CLIP and the picture at two addresses. */
  clip(model: string, picture: string): Promise<SmokeResult>;
  /** A CLIP ResNet's address, the file of its golden, and photos. */
  clipResnet(model: string, golden: string, photos: readonly string[]): Promise<number>;
  /** A DINO's folder with golden.safetensors in it, and the picture. */
  dino(model: string, picture: string): Promise<DinoSmokeResult>;
  /** A SAM's folder with golden.safetensors in it, and the part of a photo. */
  sam(model: string, picture: typeof SAM_PICTURE): Promise<SamSmokeResult>;
  /** The folder of a SAM 2 or EdgeTAM for videos, with golden.safetensors in it. */
  video(model: string): Promise<VideoSmokeResult>;
}

let device: Device;

const page: Page = {
  async open() {
    device = await openDevice();
    return { adapter: device.info.description || device.info.architecture, hasF16: device.hasF16 };
  },
  async run({ suite: name, index, dtype }) {
    const suite = (suites as Record<string, KernelSuite>)[name];
    const test = suite?.cases[index];
    if (!suite || !test) throw new RangeError(`no case ${index} in ${name}`);
    const result = await runCase(device, suite, test, dtype);
    device.check();
    // JSON, which carries the result to the test, has no infinity.
    return { ...result, error: Math.min(result.error, Number.MAX_VALUE) };
  },
  async clip(model, picture) {
    const blob = await (await fetch(picture)).blob();
    return clipSmoke(new URL(model, location.href), blob);
  },
  async clipResnet(model, golden, photos) {
    const blobs = await Promise.all(photos.map(async (photo) => (await fetch(photo)).blob()));
    return clipResnetSmoke(new URL(model, location.href), new URL(golden, location.href), blobs);
  },
  async dino(model, picture) {
    const blob = await (await fetch(picture)).blob();
    const folder = new URL(`${model}/`, location.href);
    return dinoSmoke(folder, new URL("golden.safetensors", folder), blob);
  },
  async sam(model, { photo, width, height }) {
    const blob = await (await fetch(photo)).blob();
    const folder = new URL(`${model}/`, location.href);
    return samSmoke(folder, new URL("golden.safetensors", folder), await createImageBitmap(blob, 0, 0, width, height));
  },
  async video(model) {
    const blob = await (await fetch(VIDEO.photo)).blob();
    const frames = await Promise.all(
      VIDEO.regions.map(({ left, top, width, height }) => createImageBitmap(blob, left, top, width, height)),
    );
    const folder = new URL(`${model}/`, location.href);
    return videoSmoke(folder, new URL("golden.safetensors", folder), frames);
  },
};

Object.assign(globalThis, { page });
