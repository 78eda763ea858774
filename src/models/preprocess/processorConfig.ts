// Recipes from the files of transformers' image processors: preprocessor_config.json, or "image_processor" of
// processor_config.json. What each key does is as in image_processing_backends.py of huggingface/transformers
// (TorchvisionBackend, which AutoImageProcessor takes); bytes are resized as Pillow does, a step apart at most.
import { CheckpointError } from "../../device/errors.ts";
import type { ResizeFilter } from "../../kernels/resize.ts";
import type { ProcessorFile } from "../family.ts";
import { type Json, numeric } from "../fields.ts";
import { classDefaults, type ProcessorClass, processorClass } from "./processors.ts";
import type { Preprocessing, Resize, Size } from "./recipe.ts";
import { edge, positive, positiveRgb, refuse, refuseUnknown, rgb, section } from "./settings.ts";

// PIL.Image.Resampling by number, as pil_torch_interpolation_mapping of image_utils.py reads it.
const FILTERS: readonly ResizeFilter[] = ["nearest-exact", "lanczos", "bilinear", "bicubic", "box", "hamming"];

/** Keys that say nothing of what pictures become here. */
const IRRELEVANT = new Set([
  // Names of classes and of what wrote the file.
  ...["image_processor_type", "feature_extractor_type", "processor_class", "auto_map", "transformers_version"],
  ...["_processor_class", "_valid_processor_keys", "_valid_kwargs_names", "model_input_names", "_commit_hash"],
  // Pictures come as RGB, and results as one kind of tensor.
  ...["do_convert_rgb", "data_format", "input_data_format", "return_tensors"],
  // Where and in what groups the reference computes.
  ...["device", "disable_grouping"],
  // Of the model.
  ...["num_channels", "patch_size"],
  // Of the texts that go with pictures.
  "image_seq_length",
]);

/**
 * Reads the settings of an image processor; what they leave out is as in their class, or as in `fallback`'s where
 * neither they nor config.json name one.
 *
 * @throws CheckpointError for a class, key or value that is not known, named with the file
 */
export function processorRecipe(from: ProcessorFile, config: unknown, fallback?: ProcessorClass): Preprocessing {
  const { file } = from;
  const json = section(from.json, file);
  const name = processorClass(json, (config ?? {}) as Json, file, fallback);
  const defaults = classDefaults(name);
  refuseUnknown(json, new Set([...Object.keys(defaults), ...IRRELEVANT]), file, name);
  const settings = new Settings({ ...defaults, ...json }, file, name);
  const resample = settings.flag("do_resize") ? settings.filter() : "bilinear";
  const isNormalized = settings.flag("do_normalize");
  return {
    ...settings.shape(resample),
    ...{ resample, widthFirst: true },
    rescale: settings.flag("do_rescale") ? settings.read("rescale_factor", positive) : 1,
    mean: isNormalized ? settings.read("image_mean", rgb) : [0, 0, 0],
    std: isNormalized ? settings.read("image_std", positiveRgb) : [1, 1, 1],
  };
}

/** Settings in which every key of the class has a value. */
class Settings {
  readonly #json: Json;
  readonly #file: string;
  readonly #class: ProcessorClass;

  constructor(json: Json, file: string, name: ProcessorClass) {
    this.#json = json;
    this.#file = file;
    this.#class = name;
  }

  read<T>(key: string, reader: (value: unknown, what: string) => T): T {
    return reader(this.#json[key], `${this.#file}: ${key}`);
  }

  /** null is false, not the class's default: ImageProcessingMixin sets it before defaults are looked for. */
  flag(key: string): boolean {
    return this.read(key, (value, what) => {
      return value === null || typeof value === "boolean" ? value === true : refuse(what, value, "true or false");
    });
  }

  filter(): ResizeFilter {
    const isFloat = this.#class === "DINOv3ViTImageProcessor";
    const known = isFloat ? FILTERS.filter((name) => ["nearest-exact", "bilinear", "bicubic"].includes(name)) : FILTERS;
    return this.read("resample", (value, what) => {
      const filter = FILTERS[numeric(value)];
      if (filter && known.includes(filter)) return filter;
      const expected = known.map((name) => `${FILTERS.indexOf(name)} (${name})`).join(", ");
      return refuse(what, value, `${expected} for ${this.#class}`);
    });
  }

  /** What becomes of a picture's size, and in which order. */
  shape(resample: ResizeFilter): Pick<Preprocessing, "resize" | "resizeFloats" | "crop" | "pad"> {
    const isDinov3 = this.#class === "DINOv3ViTImageProcessor";
    // Nothing is computed of nearest pixels: bytes give the same.
    const isFloat = isDinov3 && this.flag("do_rescale") && resample !== "nearest-exact";
    const crop = this.flag("do_center_crop") ? this.#square("crop_size", "do_center_crop") : undefined;
    const pad = !isDinov3 && this.flag("do_pad") ? this.#square("pad_size", "do_pad") : undefined;
    const then = { ...(crop && { crop }), ...(pad && { pad }), ...(isFloat && { resizeFloats: true }) };
    if (!this.flag("do_resize")) return then;
    if (this.#class === "ConvNextImageProcessor") return { ...then, ...this.#convNext(crop) };
    return { ...then, resize: this.#resize() };
  }

  /** A crop or padding [height, width]; a number is a square whatever the class. */
  #square(key: string, step: string): Size {
    return this.read(key, (value, what) => {
      if (value === undefined) throw new CheckpointError(`${this.#file}: ${step} is true, and there is no ${key}`);
      const size = sizeOf(value, what, true);
      return isSize(size) ? size : refuse(what, value, "a height and a width");
    });
  }

  #resize(): Resize {
    const isSquare = this.flag("default_to_square");
    return this.read("size", (value, what) => {
      const size = sizeOf(value, what, isSquare);
      const isLongest = typeof size === "object" && "longest" in size;
      if (isLongest === (this.#class === "SamImageProcessor")) return size;
      return refuse(what, value, isLongest ? `more than longest_edge for ${this.#class}` : "longest_edge");
    });
  }

  /** Below 384 pixels a crop of the part crop_pct, else all of the picture, squashed (image_processing_convnext.py). */
  #convNext(crop: Size | undefined): Pick<Preprocessing, "resize" | "crop"> {
    const side = this.read("size", (value, what) => {
      const size = sizeOf(value, what, this.flag("default_to_square"));
      return typeof size === "number" ? size : refuse(what, value, "a shortest_edge");
    });
    if (side >= 384) return { resize: [side, side] };
    if (crop) throw new CheckpointError(`${this.#file}: crop_size is given, and crop_pct crops already`);
    const cropped = Math.floor(side / this.read("crop_pct", positive));
    return { resize: edge(cropped, `${this.#file}: size over crop_pct`), crop: [side, side] };
  }
}

function isSize(size: Resize): size is Size {
  return Array.isArray(size);
}

/** get_size_dict of image_processing_utils.py, and what resize makes of it. */
function sizeOf(value: unknown, what: string, isSquare: boolean): Resize {
  if (typeof value === "number") return isSquare ? [edge(value, what), edge(value, what)] : edge(value, what);
  if (Array.isArray(value)) {
    if (value.length === 2) return [edge(value[0], what), edge(value[1], what)];
  } else if (typeof value === "object" && value !== null) {
    const given = Object.entries(value).filter(([, length]) => length !== null);
    const size = Object.fromEntries(given.map(([key, length]) => [key, edge(length, `${what}.${key}`)]));
    const { shortest_edge = 0, longest_edge = 0, height = 0, width = 0, max_height = 0, max_width = 0 } = size;
    switch (Object.keys(size).sort().join()) {
      case "height,width":
        return [height, width];
      case "shortest_edge":
        return shortest_edge;
      case "longest_edge":
        return { longest: longest_edge };
      case "longest_edge,shortest_edge":
        return { shortest: shortest_edge, atMost: longest_edge };
      case "max_height,max_width":
        return { within: [max_height, max_width] };
    }
  }
  return refuse(what, value, "a number, [height, width], or an object with height and width, or with a shortest_edge");
}
