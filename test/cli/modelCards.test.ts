// What the small models say of themselves: the words that they were taught are those of the recipe that trained them.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import clipCard from "../../checkpoints/tiny-clip/card.json";
import { unknownWords } from "../../demos/site/search/known.ts";
import { shippedCard, shippedNote } from "../../src/cli/files/modelCard.ts";

/** The strings of a list of the training script. */
async function taught(name: string): Promise<string[]> {
  const script = await readFile("checkpoints/training/train_clip.py", "utf8");
  const list = new RegExp(`^${name} = (\\[[^]*?\\n?\\])\\n(?=[A-Z])`, "m").exec(script)?.[1] ?? "";
  return [...list.matchAll(/"([^"]+)"/g)].map(([, word]) => word as string);
}

describe("tiny-clip's card", () => {
  it("has every word that the model was taught, and no other", async () => {
    const words = [...(await taught("SYNONYMS")), ...(await taught("COLOURS"))];
    expect(words.length).toBeGreaterThan(25);
    const more = ["grey", "thing", "object"]; // of the script's function that writes captions
    expect([...clipCard.labels, ...clipCard.words].sort()).toEqual([...words, ...more].sort());
  });

  it("says what the labels are, and asks for nothing that the model does not know", () => {
    for (const label of clipCard.labels) expect(clipCard.knows).toContain(label);
    for (const query of clipCard.queries) expect(unknownWords(query, clipCard)).toEqual([]);
  });

  it("knows which words of a text the model never learnt", () => {
    expect(unknownWords("rocket", clipCard)).toEqual(["rocket"]);
    expect(unknownWords("Two red cars, on a GREEN background!", clipCard)).toEqual(["two"]);
    expect(unknownWords("a red saree with gold border", clipCard)).toEqual(["saree", "gold", "border"]);
    expect(unknownWords("a photo of a small grey puppy", clipCard)).toEqual([]);
  });
});

it.each(["tiny-clip", "tiny-dino", "tiny-sam", "tiny-sam2"])(
  "the note of %s says who answers, what it knows and the way on",
  async (name) => {
    const { knows, realModel } = await shippedCard(name);
    const readme = await readFile(`checkpoints/${name}/README.md`, "utf8");
    expect(readme.replace(/\s+/g, " ")).toContain(`real checkpoint such as \`${realModel}\``);
    const note = await shippedNote(name);
    expect(note).toMatch(new RegExp(`^${name} answers`));
    expect(note).toContain(knows);
    expect(note).toMatch(/--model [\w./-]+$/);
  },
);
