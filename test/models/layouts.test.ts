// Checkpoints in the layouts of open_clip, timm and transformers, each with settings or names of its own, against what
// those libraries compute (scripts/goldenLayouts.py).
import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../src/device/errors.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { below, caseOf, cases, dinoFeatures, flat, PICTURE, row, texts, weightsOf, withClip } from "./layoutCases.ts";
import { relativeError } from "./parity.ts";

describe.each(cases.filter(({ name }) => name.startsWith("open_clip")))("$name", (one) => {
  it("pictures, texts and logits as open_clip's", async () => {
    await withClip(one, weightsOf(one), async (clip) => {
      const [image, text] = [await clip.encodeImage(PICTURE), await clip.encodeText(texts)];
      expect(relativeError(image.data, flat(one.expected.image))).toBeLessThan(1e-4);
      expect(relativeError(text.data, flat(one.expected.texts))).toBeLessThan(1e-4);
      const logits = await clip.similarity(image, text);
      expect(relativeError(logits.data, flat(one.expected.logits))).toBeLessThan(1e-4);
    });
  });
});

describe.each(cases.filter(({ name }) => name.startsWith("timm")))("$name", (one) => {
  it("features as timm's forward_features", async () => {
    const { cls, patches } = await dinoFeatures(one, weightsOf(one));
    const { expected } = one;
    expect(relativeError(cls.data, flat(expected.cls))).toBeLessThan(1e-4);
    const [, N = 0, C = 0] = patches.shape;
    expect(relativeError(row(patches, N - 1), flat(expected.last))).toBeLessThan(1e-4);
    const mean = Float32Array.from({ length: C }, (_, c) => {
      return Array.from({ length: N }, (_, n) => patches.data[n * C + c] as number).reduce((a, b) => a + b) / N;
    });
    expect(relativeError(mean, flat(expected.mean))).toBeLessThan(1e-4);
  });

  it("a larger picture as timm's set_input_size sees it", async () => {
    const { cls, grid } = await dinoFeatures(one, weightsOf(one), 48);
    expect(grid).toEqual([6, 6]);
    expect(relativeError(cls.data, flat(one.expected.larger))).toBeLessThan(1e-4);
  });
});

describe("a tower of CLIP alone", () => {
  const vision = caseOf("transformers: CLIPVisionModel");
  const text = caseOf("transformers: CLIPTextModel");
  it.each(["", "vision_model.", "model.", "base_model.model.vision_model."])("pictures below %j", async (prefix) => {
    await withClip(vision, below(prefix, weightsOf(vision)), async (clip) => {
      const image = await clip.encodeImage(PICTURE);
      expect(relativeError(image.data, flat(vision.expected.image))).toBeLessThan(1e-4);
      await expect(clip.encodeText("a cat")).rejects.toThrow(/has no text tower/);
    });
  });

  it.each(["", "text_model.", "_orig_mod.text_model."])("texts below %j", async (prefix) => {
    await withClip(text, below(prefix, weightsOf(text)), async (clip) => {
      expect(relativeError((await clip.encodeText(texts)).data, flat(text.expected.texts))).toBeLessThan(1e-4);
      await expect(clip.encodeImage(PICTURE)).rejects.toThrow(/has no image tower/);
      await expect(clip.classify(PICTURE, ["a cat"])).rejects.toThrow(CheckpointError);
    });
  });

  it("gives hidden states and patches as transformers does", async () => {
    await withClip(vision, weightsOf(vision), async (clip) => {
      const { embeds, hiddenStates, patches, grid } = await clip.encodeImage([PICTURE, PICTURE], {
        hiddenStates: true,
        patches: true,
      });
      expect([embeds.shape, grid, patches?.shape, hiddenStates?.length]).toEqual([[2, 32], [4, 4], [2, 16, 32], 3]);
      for (const [i, state] of (vision.expected.states ?? []).entries()) {
        const ours = hiddenStates?.[i] as NdArray;
        expect(ours.shape).toEqual([2, 17, 32]);
        expect(relativeError(ours.data.subarray(17 * 32, 19 * 32), flat(state))).toBeLessThan(1e-4);
      }
      expect(relativeError(row(patches as NdArray, 15), flat(vision.expected.patches))).toBeLessThan(1e-4);
      const last = await clip.encodeImage(PICTURE, { hiddenStates: [-1] });
      const [lastOfPicture, allLayers] = [last.hiddenStates?.[0], hiddenStates?.[2]] as [NdArray, NdArray];
      expect(lastOfPicture.data).toEqual(allLayers.data.subarray(0, 17 * 32));
      await expect(clip.encodeImage(PICTURE, { hiddenStates: [3] })).rejects.toThrow(/no hidden states 3: .* has 3/);
    });
    await withClip(text, weightsOf(text), async (clip) => {
      const { hiddenStates, lastHiddenState } = await clip.encodeText(texts, { hiddenStates: true });
      expect(lastHiddenState.shape).toEqual([2, 16, 32]);
      for (const [i, state] of (text.expected.states ?? []).entries()) {
        const ours = hiddenStates[i] as NdArray;
        expect(relativeError([...row(ours, 15), ...row(ours, 31)], flat(state))).toBeLessThan(1e-4);
      }
      const last = [...row(lastHiddenState, 15), ...row(lastHiddenState, 31)];
      expect(relativeError(last, flat(text.expected.last))).toBeLessThan(1e-4);
    });
  });
});
