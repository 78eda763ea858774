// The cases of every kernel, the shipped CLIP and small models of all kinds in Deno, whose WebGPU is wgpu and whose
// shader compiler is naga: another implementation than the Dawn of Node and Chromium. Prints each case that fails, then
// the sum as vitest does; the exit code tells.
import sharp from "sharp";
import { openDevice } from "../../src/device/open.ts";
import * as suites from "../../src/verify/index.ts";
import { caseLabel, runCase } from "../../src/verify/run.ts";
import type { KernelSuite } from "../../src/verify/suite.ts";
import { CLIP_RESNET, clipResnetSmoke } from "../clipResnetSmoke.ts";
import { clipSmoke, TEXT_TOLERANCE } from "../clipSmoke.ts";
import { DINOS, dinoSmoke, LEAST_COSINE } from "../dinoSmoke.ts";
import { SAM_PICTURE, SAM_TOLERANCE, samSmoke } from "../samSmoke.ts";
import { makeSmallModels } from "../smallModels.ts";
import { VIDEO, VIDEO_MODELS, VIDEO_STEPS, VIDEO_TOLERANCE, videoSmoke } from "../videoSmoke.ts";

const count = { failed: 0, passed: 0, skipped: 0 };
using device = await openDevice();
console.log(`adapter: ${device.info.description || device.info.device}, shader-f16: ${device.hasF16}`);

for (const suite of Object.values<KernelSuite>(suites)) {
  const before = { ...count };
  for (const test of suite.cases) {
    for (const dtype of test.dtypes ?? (["f32", "f16"] as const)) {
      if (dtype === "f16" && !device.hasF16) {
        count.skipped++;
        continue;
      }
      const problem = await problemOf(suite, test, dtype);
      count[problem ? "failed" : "passed"]++;
      if (problem) console.log(`FAIL ${suite.kernel.name}, ${dtype}: ${caseLabel(test)}: ${problem}`);
    }
  }
  const [passed, failed] = [count.passed - before.passed, count.failed - before.failed];
  console.log(`${suite.kernel.name}: ${passed} passed, ${failed} failed`);
}

const { textError, label, shape, batchError, leakedBuffers } = await clipSmoke(
  "checkpoints/tiny-clip",
  "demos/photos/chelsea.png",
);
check(`CLIP's texts agree with PyTorch's (error ${textError})`, textError <= TEXT_TOLERANCE);
check(`CLIP sees a cat (got ${label})`, label === "cat");
check(`CLIP takes batches (shape ${shape}, error ${batchError})`, shape[0] === 2 && batchError <= 1e-5);
check(`CLIP leaves nothing on the GPU (buffers ${leakedBuffers})`, leakedBuffers === 0);

await makeSmallModels();
const resnetCosine = await clipResnetSmoke(
  CLIP_RESNET.folder,
  `${CLIP_RESNET.folder}/golden.safetensors`,
  CLIP_RESNET.photos,
);
check(`small-clip-resnet agrees with open_clip (cosine ${resnetCosine})`, resnetCosine >= LEAST_COSINE);

for (const name of DINOS) {
  const folder = `test/golden/${name}`;
  const result = await dinoSmoke(folder, `${folder}/golden.safetensors`, "demos/photos/chelsea.png");
  check(`${name} agrees with PyTorch (cosine ${result.cosine})`, result.cosine >= LEAST_COSINE);
  check(`${name} leaves nothing on the GPU (buffers ${result.leakedBuffers})`, result.leakedBuffers === 0);
}

const { photo, ...size } = SAM_PICTURE;
const picture = await cut(photo, { left: 0, top: 0, ...size });
const sam = await samSmoke("test/golden/small-sam", "test/golden/small-sam/golden.safetensors", picture);
for (const [name, most] of Object.entries(SAM_TOLERANCE)) {
  const error = sam[name as keyof typeof SAM_TOLERANCE];
  check(`small-sam agrees with PyTorch (${name} ${error})`, error <= most);
}
check(`small-sam leaves nothing on the GPU (buffers ${sam.leakedBuffers})`, sam.leakedBuffers === 0);

for (const name of VIDEO_MODELS) {
  const folder = `test/golden/${name}`;
  const frames = await Promise.all(VIDEO.regions.map((region) => cut(VIDEO.photo, region)));
  const { steps, leakedBuffers, ...errors } = await videoSmoke(folder, `${folder}/golden.safetensors`, frames);
  check(`${name} gives masks (${steps})`, steps === VIDEO_STEPS);
  for (const [kind, most] of Object.entries(VIDEO_TOLERANCE)) {
    const error = errors[kind as keyof typeof VIDEO_TOLERANCE];
    check(`${name} agrees with transformers through a video (${kind} ${error})`, error <= most);
  }
  check(`${name} leaves nothing on the GPU (buffers ${leakedBuffers})`, leakedBuffers === 0);
}

const words = Object.entries(count).filter(([, n]) => n > 0);
console.log(`\n      Tests  ${words.map(([word, n]) => `${n} ${word}`).join(" | ")}`);
if (count.skipped > 0) console.log("skipped: f16, as this adapter has no shader-f16");
process.exitCode = count.failed > 0 || count.passed === 0 ? 1 : 0;

/** A part of a photo. */
async function cut(photo: string, region: { left: number; top: number; width: number; height: number }) {
  const { width, height } = region;
  const data = await sharp(photo).removeAlpha().extract(region).raw().toBuffer();
  return { width, height, channels: 3 as const, data: new Uint8Array(data) };
}

function check(what: string, isTrue: boolean): void {
  count[isTrue ? "passed" : "failed"]++;
  console.log(`${isTrue ? "ok" : "FAIL"} ${what}`);
}

/** What is wrong with the result of a case; undefined when nothing is. */
async function problemOf(suite: KernelSuite, test: KernelSuite["cases"][number], dtype: "f32" | "f16") {
  try {
    const { passed, error, tolerance } = await runCase(device, suite, test, dtype);
    device.check();
    return passed ? undefined : `error ${error}, tolerance ${tolerance}`;
  } catch (error) {
    return String(error);
  }
}
