// Tensors of a checkpoint by scoped name, under any naming, and what is said when one is missing or of another shape.
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/device/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { type Naming, Weights } from "../../src/models/weights.ts";

const TABLE = {
  name: "model.safetensors of a folder",
  tensors: new Map(
    Object.entries({
      "vision_model.encoder.layers.0.mlp.fc1.weight": [32, 8],
      "vision_model.encoder.layers.0.mlp.fc1.bias": [32],
      "vision_model.encoder.layers.1.mlp.fc1.weight": [32, 8],
      "text_model.final_layer_norm.weight": [8],
      "attn.in_proj_weight": [24, 8],
      "attn.in_proj_bias": [25],
      "visual.proj": [8, 5],
    }).map(([name, shape]) => [name, { shape, dtype: "F32" }]),
  ),
};

const weights = (naming?: Naming, dtype: "f32" | "f16" = "f32") => Weights.of(new Graph(), TABLE, dtype, naming);

function failure(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing failed");
}

describe("by name", () => {
  it("scopes add up", () => {
    const layer = weights().at("vision_model.encoder").at("layers.0");
    const value = layer.at("mlp").get("fc1.weight", [undefined, 8]);
    expect(value.node).toMatchObject({ kind: "weight", name: "vision_model.encoder.layers.0.mlp.fc1.weight" });
    expect(layer.shape("mlp.fc1.bias")).toEqual([32]);
    expect([layer.has("mlp.fc1.bias"), layer.has("mlp.fc2.bias")]).toEqual([true, false]);
  });

  it("come in the type that the graph computes in", () => {
    expect(weights(undefined, "f16").get("visual.proj").dtype).toBe("f16");
  });

  it("what was asked for is known, from any scope", () => {
    const all = weights();
    all.at("visual").get("proj");
    all.at("attn").has("in_proj_bias");
    all.at("attn").shape("in_proj_weight");
    expect([...all.read]).toEqual(["visual.proj"]);
  });

  it("some rows", () => {
    const value = weights().get("visual.proj", [8, 5], [2, 6]);
    expect(value.shape).toEqual([4, 5]);
    expect(value.node).toMatchObject({ rows: [2, 6] });
  });
});

describe("a missing tensor", () => {
  it("is named with the nearest that are there", () => {
    const error = failure(() => weights().at("vision_model.encoder.layers.1.mlp").get("fc1.bias"));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toBe(
      'model.safetensors of a folder has no tensor "vision_model.encoder.layers.1.mlp.fc1.bias"; the nearest names ' +
        'are "vision_model.encoder.layers.1.mlp.fc1.weight", "vision_model.encoder.layers.0.mlp.fc1.bias", ' +
        '"vision_model.encoder.layers.0.mlp.fc1.weight"',
    );
  });

  it("in an empty file is named alone", () => {
    const empty = Weights.of(new Graph(), { name: "empty.safetensors", tensors: new Map() }, "f32");
    expect(failure(() => empty.get("w")).message).toBe('empty.safetensors has no tensor "w"');
  });

  it("is named as the checkpoint would name it", () => {
    const error = failure(() => weights((name) => ({ name: `visual.${name}` })).get("projection"));
    expect(error.message).toMatch(/no tensor "visual\.projection"; the nearest names are "visual\.proj"/);
  });
});

it.each([
  ["another length", [8, 6]],
  ["another number of axes", [40]],
])("a tensor of %s than expected: both shapes are in the message", (_, expected) => {
  const error = failure(() => weights().at("visual").get("proj", expected));
  expect(error).toBeInstanceOf(CheckpointError);
  expect(error.message).toContain(`tensor "visual.proj" has shape [8, 5], expected [${expected.join(", ")}]`);
  expect(error.message).toContain("different models");
});

describe("another naming", () => {
  const naming: Naming = (name) => {
    if (name === "projection") return { name: "visual.proj", transposed: true };
    const [, index, kind] = /^qkv\.(\d)\.(weight|bias)$/.exec(name) ?? [];
    return index ? { name: `attn.in_proj_${kind}`, part: { index: Number(index), of: 3 } } : { name };
  };

  it("a part of the rows, and rows of that part", () => {
    const part = weights(naming).get("qkv.1.weight", [8, 8]);
    expect([part.shape, part.node]).toEqual([[8, 8], { kind: "weight", name: "attn.in_proj_weight", rows: [8, 16] }]);
    const rows = weights(naming).get("qkv.2.weight", [8, 8], [1, 3]);
    expect(rows.node).toMatchObject({ rows: [17, 19] });
  });

  it("a transpose has the shape of the result", () => {
    const w = weights(naming);
    expect(w.shape("projection")).toEqual([5, 8]);
    expect(w.get("projection", [5, 8]).shape).toEqual([5, 8]);
    expect(failure(() => w.get("projection", [8, 5])).message).toContain(
      '"projection" has shape [5, 8], expected [8, 5]',
    );
  });

  it("parts that are not equal", () => {
    const error = failure(() => weights(naming).get("qkv.0.bias"));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error.message).toContain('"attn.in_proj_bias" has shape [25], whose rows are not 3 equal parts');
  });
});
