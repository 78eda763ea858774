// All families of models. What runs one class of models takes that class's list from its own folder, so that a page
// with CLIP does not download SAM.
import { CLIP_FAMILIES } from "./clip/family.ts";
import { DINO_FAMILIES } from "./dino/family.ts";
import type { Family } from "./family.ts";
import { SAM_FAMILIES } from "./sam/family.ts";

/** Every family, of whatever class. A new class is a line here. */
export function allFamilies(): readonly Family[] {
  return [...CLIP_FAMILIES, ...DINO_FAMILIES, ...SAM_FAMILIES];
}
