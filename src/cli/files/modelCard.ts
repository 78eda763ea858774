// What a small model that ships says of itself, in the card.json of its folder: they answer whatever they are asked,
// and a user who gave no --model should know of whom the answer is.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { shippedCheckpoint } from "./paths.ts";

/** The fields of a card.json. */
export interface ModelCard {
  /** What it knows, as the end of a sentence. */
  readonly knows: string;
  /** Hub id of a model for real use. */
  readonly realModel: string;
  /** Of a CLIP: the labels that it can tell apart. */
  readonly labels?: readonly string[];
  /** The other words that it learnt the meaning of. */
  readonly words?: readonly string[];
  /** Texts to search for that it can find. */
  readonly queries?: readonly string[];
  /** A best match of a smaller cosine is a guess. */
  readonly unsureBelow?: number;
}

/** The card of a checkpoint that ships. */
export async function shippedCard(name: string): Promise<ModelCard> {
  return JSON.parse(await readFile(join(shippedCheckpoint(name), "card.json"), "utf8")) as ModelCard;
}

/** The line for stderr: who answers, what that model knows, and how a real one is asked. */
export async function shippedNote(name: string): Promise<string> {
  const { knows, realModel } = await shippedCard(name);
  return `${name} answers, the small model that ships. It knows ${knows} A real model: --model ${realModel}`;
}
