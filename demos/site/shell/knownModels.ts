// The models that each page offers: the small one that comes with it, and well-known ones of its family on the Hub.
import clipCard from "../../../checkpoints/tiny-clip/card.json";
import dinoCard from "../../../checkpoints/tiny-dino/card.json";
import samCard from "../../../checkpoints/tiny-sam/card.json";
import sam2Card from "../../../checkpoints/tiny-sam2/card.json";
import type { ModelSize } from "../../../src/index.ts";

/** What a small model says of itself; tiny-clip's card has every field. */
export type ModelCard = Pick<typeof clipCard, "knows" | "realModel"> & Partial<typeof clipCard>;

export type Family = "clip" | "dino" | "sam" | "sam2";

export interface KnownModel {
  /** Hub id, or a folder beside the page. */
  readonly id: string;
  readonly note: string;
}

/** The small model that comes with the page. */
interface ShippedModel extends KnownModel {
  readonly card: ModelCard;
}

export interface FamilyModels {
  readonly title: string;
  readonly shipped: ShippedModel;
  readonly hub: readonly KnownModel[];
  /** The class of the library that runs them. */
  readonly modelClass: NonNullable<ModelSize["modelClass"]>;
  /** What the visitor's code calls, where it is another class: videos have one of their own. */
  readonly codeClass?: string;
}

export const MODELS: Readonly<Record<Family, FamilyModels>> = {
  clip: {
    title: "CLIP",
    shipped: { id: "./models/tiny-clip", note: "knows ten things and nine colours", card: clipCard },
    hub: [
      { id: "openai/clip-vit-base-patch32", note: "the quickest of OpenAI's" },
      { id: "openai/clip-vit-base-patch16", note: "finer patches" },
      { id: "openai/clip-vit-large-patch14", note: "the best of OpenAI's at 224 pixels" },
      { id: "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", note: "trained on two billion pictures" },
      { id: "timm/resnet50_clip.openai", note: "a ResNet" },
    ],
    modelClass: "Clip",
  },
  dino: {
    title: "DINO",
    shipped: { id: "./models/tiny-dino", note: "small, trained on little pictures", card: dinoCard },
    hub: [
      { id: "facebook/dino-vits16", note: "the original, small" },
      { id: "facebook/dino-vits8", note: "small patches, sharp maps" },
      { id: "facebook/dinov2-small", note: "DINOv2, small" },
      { id: "facebook/dinov2-with-registers-small", note: "DINOv2 with registers: clean maps" },
      { id: "facebook/dino-vitb16", note: "the original, base" },
    ],
    modelClass: "Dino",
  },
  sam: {
    title: "SAM",
    shipped: { id: "./models/tiny-sam", note: "small, for simple shapes", card: samCard },
    hub: [
      { id: "nielsr/slimsam-77-uniform", note: "SlimSAM, the smallest" },
      { id: "facebook/sam-vit-base", note: "the original, base" },
      { id: "facebook/sam-vit-large", note: "the original, large" },
    ],
    modelClass: "Sam",
  },
  sam2: {
    title: "SAM 2 for videos",
    shipped: { id: "./models/tiny-sam2", note: "small, for what stands out", card: sam2Card },
    hub: [
      { id: "facebook/sam2.1-hiera-tiny", note: "SAM 2.1, the smallest" },
      { id: "facebook/sam2.1-hiera-small", note: "SAM 2.1, small" },
      { id: "facebook/sam2.1-hiera-base-plus", note: "SAM 2.1, base+" },
    ],
    modelClass: "Sam",
    codeClass: "VideoSegmenter",
  },
};

/** "tiny-clip" for a folder, the id for the Hub. */
export function modelName(id: string): string {
  const isPlace = /^(https?:|[./])/.test(id);
  return isPlace ? (id.replace(/\/+$/, "").split("/").pop() ?? id) : id.replace(/@main$/, "");
}
