// The three-second smoke: the shipped CLIP classifies a photo.
import { expect, it } from "vitest";
import { Clip } from "../src/api/clip.ts";
import { testDevice } from "./adapters.ts";

it("tells a cat from coffee", async () => {
  const device = await testDevice();
  using clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device });
  const [best] = await clip.classify("demos/photos/chelsea.png", ["a cat", "a cup of coffee", "a rocket"]);
  expect(best?.label).toBe("a cat");
});
