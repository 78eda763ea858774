// The image processors of transformers by class, as data: the class attributes of
// models/*/image_processing_*.py in huggingface/transformers, and those of their base class
// (BaseImageProcessor in image_processing_utils.py).
import { CheckpointError } from "../../device/errors.ts";
import { type Json, text } from "../fields.ts";

const OPENAI_CLIP = {
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
};
const IMAGENET_DEFAULT = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225] };
const IMAGENET_STANDARD = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };

// PIL.Image.Resampling
const [BILINEAR, BICUBIC] = [2, 3];

const SHORTEST_224 = { size: { shortest_edge: 224 }, default_to_square: false };
const CROP_224 = { do_center_crop: true, crop_size: { height: 224, width: 224 } };
const square = (side: number) => ({ size: { height: side, width: side } });

/** What every class begins with. */
const BASE = {
  do_resize: true,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  default_to_square: true,
  do_center_crop: false,
  do_pad: false,
  size: undefined,
  crop_size: undefined,
  pad_size: undefined,
  resample: BILINEAR,
  image_mean: undefined,
  image_std: undefined,
};

/** Class attributes, spelled as there: what a file leaves out. */
const CLASSES = {
  CLIPImageProcessor: { ...OPENAI_CLIP, ...SHORTEST_224, ...CROP_224, resample: BICUBIC },
  ViTImageProcessor: { ...IMAGENET_STANDARD, ...square(224) },
  DeiTImageProcessor: { ...IMAGENET_STANDARD, ...square(256), ...CROP_224, resample: BICUBIC },
  BitImageProcessor: { ...OPENAI_CLIP, ...SHORTEST_224, ...CROP_224, resample: BICUBIC },
  DINOv3ViTImageProcessor: { ...IMAGENET_DEFAULT, ...square(224) },
  BlipImageProcessor: { ...OPENAI_CLIP, ...square(384), resample: BICUBIC },
  SiglipImageProcessor: { ...IMAGENET_STANDARD, ...square(224), default_to_square: false, resample: BICUBIC },
  ConvNextImageProcessor: {
    ...IMAGENET_STANDARD,
    size: { shortest_edge: 384 },
    default_to_square: false,
    resample: BICUBIC,
    crop_pct: 224 / 256,
  },
  SamImageProcessor: {
    ...IMAGENET_DEFAULT,
    size: { longest_edge: 1024 },
    do_pad: true,
    pad_size: { height: 1024, width: 1024 },
    // Of segmentation maps, which are for training.
    mask_size: { longest_edge: 256 },
    mask_pad_size: { height: 256, width: 256 },
  },
  // mask_size is of segmentation maps, which are for training.
  Sam2ImageProcessor: { ...IMAGENET_DEFAULT, ...square(1024), mask_size: { height: 256, width: 256 } },
} satisfies Readonly<Record<string, Json>>;

/** A class of image processors that is known here. */
export type ProcessorClass = keyof typeof CLASSES;

/** The class of each `model_type` (models/auto/image_processing_auto.py), for files that name none. */
const OF_MODEL_TYPE: Readonly<Record<string, ProcessorClass>> = {
  clip: "CLIPImageProcessor",
  clip_vision_model: "CLIPImageProcessor", // not in transformers' list, as the next and dinov2_with_registers
  clip_text_model: "CLIPImageProcessor",
  vit: "ViTImageProcessor",
  deit: "DeiTImageProcessor",
  dinov2: "BitImageProcessor",
  dinov2_with_registers: "BitImageProcessor",
  dinov3_vit: "DINOv3ViTImageProcessor",
  resnet: "ConvNextImageProcessor",
  sam: "SamImageProcessor",
  sam2: "Sam2ImageProcessor",
  sam2_video: "Sam2ImageProcessor",
  siglip: "SiglipImageProcessor",
  blip: "BlipImageProcessor",
};

/** What a class gives for each key, and with that the keys that it knows. */
export function classDefaults(name: ProcessorClass): Json {
  return { ...BASE, ...CLASSES[name] };
}

/**
 * The class that decides, as AutoImageProcessor finds it: the file's own, in its new or old form
 * (`image_processor_type`, `feature_extractor_type`), config.json's `image_processor_type`, then that of its
 * `model_type`; what names none of these has its `processor_class`, or `fallback`.
 *
 * @throws CheckpointError where nothing names a class, or an unknown one
 */
export function processorClass(json: Json, config: Json, file: string, fallback?: ProcessorClass): ProcessorClass {
  const { image_processor_type, feature_extractor_type } = json;
  const named = image_processor_type ?? feature_extractor_type ?? config.image_processor_type;
  if (named !== undefined && named !== null) return knownClass(named, file);
  const type = text(config.model_type);
  const ofType = Object.hasOwn(OF_MODEL_TYPE, type) ? OF_MODEL_TYPE[type] : undefined;
  if (ofType) return ofType;
  if (typeof json.processor_class === "string") {
    return knownClass(json.processor_class.replace(/Processor$/, "ImageProcessor"), file);
  }
  if (fallback) return fallback;
  throw new CheckpointError(
    `${file} names no image_processor_type, and config.json no model_type that tells it: add one of ${listed()}`,
  );
}

/** Names end in FeatureExtractor (old), in Fast (transformers 4's second kind) or in Pil (5's). */
function knownClass(named: unknown, file: string): ProcessorClass {
  const name = text(named)
    .replace(/FeatureExtractor$/, "ImageProcessor")
    .replace(/(Fast|Pil)$/, "");
  if (Object.hasOwn(CLASSES, name)) return name as ProcessorClass;
  throw new CheckpointError(`${file}: the image processor is ${JSON.stringify(named)}, expected one of ${listed()}`);
}

function listed(): string {
  return Object.keys(CLASSES).join(", ");
}
