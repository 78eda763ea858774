// What a small model can be asked: a word that it never learnt gives an order too, which means nothing.
import type { ModelCard } from "../shell/knownModels.ts";
import type { Ranked } from "./photos.ts";

/** Words that only join others, and those of the sentences in which a CLIP is taught. */
const JOINING = new Set(
  (
    "a an the this there that it is are of on in with and to at by front one small large big little good bad bright " +
    "blurry close up photo photos picture image background"
  ).split(" "),
);

/** The words of a text that the model never learnt. */
export function unknownWords(text: string, { labels = [], words = [] }: ModelCard): string[] {
  const known = new Set([...labels, ...words]);
  const asked = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const isKnown = (word: string) => known.has(word) || known.has(word.replace(/s$/, "")) || JOINING.has(word);
  return [...new Set(asked.filter((word) => !isKnown(word)))];
}

/** Why an order is not to be trusted, in words; undefined where it is as good as the model. */
export function doubtOf(text: string, order: readonly Ranked[], card: ModelCard, model: string): string | undefined {
  const unknown = unknownWords(text, card);
  if (unknown.length > 0) {
    const said = unknown.slice(0, 4).map((word) => `“${word}”`);
    return `Not sure: ${model} never learnt ${said.join(", ")}. It gives an order all the same, which means nothing.`;
  }
  const best = order[0]?.score ?? Number.NEGATIVE_INFINITY;
  if (!Number.isFinite(best) || best >= (card.unsureBelow ?? 0)) return undefined;
  return `Not sure: no photo here is much like it (the best has ${best.toFixed(3)}).`;
}
