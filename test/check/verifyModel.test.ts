// Every shipped checkpoint against PyTorch's outputs on this adapter; and that a wrong output does not pass.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { seededTensor } from "../../src/check/seeded.ts";
import type { Verification } from "../../src/check/verifyKernels.ts";
import { verifyModel } from "../../src/check/verifyModel.ts";
import { shippedCheckpoint, shippedCheckpoints } from "../../src/cli/files/paths.ts";
import { CheckpointError, InvalidFileError, NotFoundError } from "../../src/device/errors.ts";
import { readSafetensors } from "../../src/io/safetensors/safetensors.ts";
import type { SourceLike } from "../../src/io/source/source.ts";
import { allFamilies } from "../../src/models/families.ts";
import { testDevice } from "../adapters.ts";

/** The checkpoint that ships for each family. */
const CHECKPOINTS: Readonly<Record<string, string>> = {
  "clip-vit": "tiny-clip",
  "clip-resnet": "seeded-clip-resnet",
  "dino-vit": "tiny-dino",
  "dino-resnet": "seeded-dino-resnet",
  "sam-vit": "tiny-sam",
  "mobile-sam": "seeded-mobile-sam",
  sam2: "seeded-sam2",
};
/** More of a family: the trained SAM 2 for videos, whose part for pictures is verified, and SAM 2 with RepViT. */
const SECOND = ["tiny-sam2", "seeded-edgetam"];

async function resultsOf(from: SourceLike): Promise<Verification[]> {
  const results: Verification[] = [];
  for await (const result of verifyModel(await testDevice(), from)) results.push(result);
  return results;
}

/** The files of a shipped checkpoint as a page has them, some of them changed. */
async function filesOf(name: string, changes: Readonly<Record<string, (text: string) => string>>): Promise<File[]> {
  const folder = shippedCheckpoint(name);
  const files = (await readdir(folder)).map(async (file) => {
    const bytes = await readFile(join(folder, file));
    const change = changes[file];
    return new File([change ? change(bytes.toString()) : bytes], file);
  });
  return Promise.all(files);
}

describe("shipped checkpoints", () => {
  it("are one of each family", () => {
    expect(allFamilies().map(({ name }) => CHECKPOINTS[name])).not.toContain(undefined);
    expect(shippedCheckpoints().sort()).toEqual([...Object.values(CHECKPOINTS), ...SECOND].sort());
  });

  // MobileSAM has one size, 1024: test/full/mobileSam.test.ts.
  const quick = allFamilies().filter(({ name }) => name !== "mobile-sam");

  it.each([...quick.map(({ name }) => CHECKPOINTS[name] ?? name), ...SECOND])(
    "%s gives PyTorch's outputs",
    async (of) => {
      const results = await resultsOf(shippedCheckpoint(of));
      for (const { name, dtype, error, failures } of results) {
        console.log(`${of} ${name} ${dtype ?? ""}: ${error.toExponential(1)}`);
        expect(failures, `${name} in ${dtype}`).toEqual([]);
      }
      const types = (await testDevice()).hasF16 ? ["f32", "f16"] : ["f32"];
      expect(new Set(results.flatMap(({ dtype }) => dtype ?? []))).toEqual(new Set(types));
    },
  );
});

describe("a wrong number in expected.json", () => {
  /** Moves the first number of a kind of output by a tenth of itself and one. */
  const moved = (output: string) => (text: string) =>
    text.replace(new RegExp(`"${output}": [^]*?"first": \\[\\s*([-\\d.e]+)`), (all, number: string) => {
      return all.slice(0, -number.length) + (1.1 * Number(number) + 1);
    });

  it.each([
    ["seeded-clip-resnet", "image_embeds", "image_embeds"],
    ["seeded-clip-resnet", "text_embeds", "text_embeds"],
    ["seeded-clip-resnet", "logits_per_image", "logits_per_image"],
    ["seeded-dino-resnet", "last_hidden_state", "last_hidden_state"],
    ["seeded-dino-resnet", "pooler_output", "pooler_output"],
    ["tiny-dino", "cls_attention_last_layer", "cls_attention"],
    ["tiny-sam", "image_embeddings", "image_embeddings"],
    ["tiny-sam", "point_and_mask", "point_and_mask"],
  ])("of %s, %s, is a failure, and the only one", async (checkpoint, key, output) => {
    const results = await resultsOf(await filesOf(checkpoint, { "expected.json": moved(key) }));
    const failed = results.filter(({ failures }) => failures.length > 0);
    expect(new Set(failed.map(({ name }) => name))).toEqual(new Set([output]));
    for (const { error, tolerance } of failed) expect(error).toBeGreaterThan(tolerance);
  });

  it("is told of token ids too", async () => {
    const changes = { "expected.json": (text: string) => text.replace("a red automobile", "a blue automobile") };
    const results = verifyModel(await testDevice(), await filesOf("tiny-clip", changes));
    const { value: tokens } = await results.next();
    await results.return(undefined);
    expect(tokens).toMatchObject({ name: "tokens", failures: ["a blue automobile"] });
  });
});

describe("a folder that cannot be verified", () => {
  const files = async (name: string, without: string) => {
    return (await filesOf(name, {})).filter((file) => file.name !== without);
  };

  it("has no expected.json", async () => {
    const rejection = expect(resultsOf(await files("seeded-dino-resnet", "expected.json"))).rejects;
    await rejection.toThrow(CheckpointError);
  });

  it("has neither weights nor a manifest", async () => {
    const rejection = expect(resultsOf(await files("seeded-dino-resnet", "manifest.json"))).rejects;
    await rejection.toThrow(NotFoundError);
  });

  it("has a manifest of something else", async () => {
    const changed = await filesOf("seeded-dino-resnet", { "manifest.json": () => '[{ "name": "weights" }]' });
    await expect(resultsOf(changed)).rejects.toThrow(InvalidFileError);
  });
});

it("seeded weights are those of the safetensors file that scripts/seeded.ts writes", async () => {
  const manifest = JSON.parse(await readFile("test/golden/small-dino-resnet/manifest.json", "utf8"));
  const { tensors, close } = await readSafetensors("test/golden/small-dino-resnet/model.safetensors");
  for (const row of manifest) {
    const stored = await tensors.get(row.name)?.read();
    expect(stored).toEqual(new Uint8Array(seededTensor(row).buffer));
  }
  await close();
});
