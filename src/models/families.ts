// All families of models, by the class of the API that runs them. A new family is a folder here and a line below.
import { type ClipModel, clipResnet, clipVit } from "./clip/family.ts";
import { type DinoModel, dinoResnet, dinoVit } from "./dino/family.ts";
import type { Family, FamilyModel, ModelFiles } from "./family.ts";
import { mobileSam, type SamModel, samVit } from "./sam/family.ts";

export const CLIP_FAMILIES: readonly Family<ClipModel>[] = [clipVit, clipResnet];
export const DINO_FAMILIES: readonly Family<DinoModel>[] = [dinoVit, dinoResnet];
export const SAM_FAMILIES: readonly Family<SamModel>[] = [samVit, mobileSam];

/** Every family, of whatever class. */
export function allFamilies(): readonly Family[] {
  return [...CLIP_FAMILIES, ...DINO_FAMILIES, ...SAM_FAMILIES];
}

/** The family that recognises the files. */
export function familyOf<Model extends FamilyModel>(
  families: readonly Family<Model>[],
  files: ModelFiles,
): Family<Model> | undefined {
  return families.find((family) => family.recognizes(files));
}
