// Masks as a COCO dataset: what pycocotools and tools for annotations read (cocodataset.org,
// "Data format", object detection).
import { ArgumentError } from "../device/errors.ts";
import { type CocoRle, fromCocoRle, toCocoRle } from "./cocoRle.ts";
import type { MaskRecord } from "./generateMasks.ts";
import type { Segmentations } from "./options.ts";
import { ringsBox, signedArea } from "./polygons.ts";
import { encodeRle, maskArea, maskBox, type Rle } from "./rle.ts";

/** A mask in any form of `generateMasks`; a record of that function is one. */
export interface MaskToExport extends Partial<Omit<MaskRecord, "segmentation">> {
  /** Polygons stay polygons; everything else becomes COCO's RLE. */
  readonly segmentation: Segmentations[keyof Segmentations];
  /** What the mask shows; "object" when absent. */
  readonly category?: string;
  /** How sure the mask is; `predictedIou` when absent. */
  readonly score?: number;
}

/** A picture and its masks. */
export interface PictureToExport {
  /** As annotation tools know the picture: relative to the folder of pictures. */
  readonly fileName: string;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** What was found in it. */
  readonly masks: readonly MaskToExport[];
  /** Of a frame: its place in the video, from 0. */
  readonly frame?: number;
}

/** An entry of `images`. */
export interface CocoImage {
  /** Counts from 1. */
  readonly id: number;
  /** As annotation tools know the picture. */
  readonly file_name: string;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Of a frame: its place in the video, from 0. */
  readonly frame_id?: number;
}

/** An entry of `annotations`; COCO knows no more than up to `iscrowd`, and tools pass over the others. */
export interface CocoAnnotation {
  /** Counts from 1, through all pictures. */
  readonly id: number;
  /** The `id` of its picture. */
  readonly image_id: number;
  /** The `id` of its category. */
  readonly category_id: number;
  /** Polygons, or the mask as run lengths. */
  readonly segmentation: CocoRle | number[][];
  /** Pixels inside. */
  readonly area: number;
  /** Edges between pixels: a mask of one pixel has the width and height 1, unlike `MaskRecord.bbox`. */
  readonly bbox: readonly [x: number, y: number, width: number, height: number];
  /** Always 0: one object. */
  readonly iscrowd: 0;
  /** The mask's own score or its predicted quality, for `loadRes`, which takes annotations as results. */
  readonly score?: number;
  /** As in the files of SA-1B. */
  readonly predicted_iou?: number;
  /** How little the mask changes with the cutoff. */
  readonly stability_score?: number;
  /** The point that gave the mask. */
  readonly point_coords?: readonly (readonly [x: number, y: number])[];
  /** The crop in which it was found. */
  readonly crop_box?: readonly [x: number, y: number, width: number, height: number];
}

/** An entry of `categories`. */
export interface CocoCategory {
  /** Counts from 1. */
  readonly id: number;
  /** What its masks show. */
  readonly name: string;
  /** Empty: categories have one level here. */
  readonly supercategory: string;
}

/** What a COCO file says of itself. */
export interface CocoInfo {
  /** What the dataset is. */
  readonly description: string;
  /** Where it is from. */
  readonly url: string;
  /** Of the dataset. */
  readonly version: string;
  /** Of its making. */
  readonly year: number;
  /** Who made it. */
  readonly contributor: string;
  /** The day, YYYY-MM-DD. */
  readonly date_created: string;
}

/** A COCO file, but for JSON.stringify. */
export interface CocoDataset {
  /** About the file. */
  readonly info: CocoInfo;
  /** None are known. */
  readonly licenses: readonly [];
  /** A picture each. */
  readonly images: readonly CocoImage[];
  /** A mask each. */
  readonly annotations: readonly CocoAnnotation[];
  /** What masks show. */
  readonly categories: readonly CocoCategory[];
}

/** What masks are of where nothing else is said. */
const OBJECT = "object";

/**
 * A COCO dataset of pictures and their masks; ids count from 1. `JSON.stringify` makes the file that pycocotools'
 * `COCO()` loads; its `annotations` are what `loadRes` takes.
 *
 * @throws ArgumentError for a mask that is not of its picture's size.
 * @example
 * const masks = await sam.generateMasks("dog.jpg", { outputMode: "coco_rle" });
 * const dataset = cocoDataset([{ fileName: "dog.jpg", width: 640, height: 480, masks }]);
 * const file = new Blob([JSON.stringify(dataset)], { type: "application/json" });
 */
export function cocoDataset(pictures: readonly PictureToExport[], info: Partial<CocoInfo> = {}): CocoDataset {
  const names = [...new Set(pictures.flatMap(({ masks }) => masks.map(({ category = OBJECT }) => category)))];
  const categories = cocoCategories(names.length ? names : [OBJECT]);
  const images: CocoImage[] = [];
  const annotations: CocoAnnotation[] = [];
  for (const picture of pictures) {
    const image = cocoImage(picture, images.length + 1);
    images.push(image);
    for (const mask of picture.masks) {
      const category = names.indexOf(mask.category ?? OBJECT) + 1;
      annotations.push(cocoAnnotation(mask, image, annotations.length + 1, category));
    }
  }
  return { info: cocoInfo(info), licenses: [], images, annotations, categories };
}

/** What `cocoDataset` says of a dataset, for those who write one piece by piece. */
export function cocoInfo(info: Partial<CocoInfo> = {}): CocoInfo {
  const now = new Date();
  return {
    description: "Masks by webgpu-vision",
    url: "",
    version: "1.0",
    year: now.getUTCFullYear(),
    contributor: "",
    date_created: now.toISOString().slice(0, 10),
    ...info,
  };
}

/** Categories with ids from 1. */
export function cocoCategories(names: readonly string[] = [OBJECT]): CocoCategory[] {
  return names.map((name, i) => ({ id: i + 1, name, supercategory: "" }));
}

export function cocoImage({ fileName, width, height, frame }: Omit<PictureToExport, "masks">, id: number): CocoImage {
  return { id, file_name: fileName, width, height, ...(frame !== undefined && { frame_id: frame }) };
}

/** The annotation of a mask. */
export function cocoAnnotation(mask: MaskToExport, image: CocoImage, id: number, category_id = 1): CocoAnnotation {
  const { predictedIou, stabilityScore, pointCoords, cropBox } = mask;
  return {
    id,
    image_id: image.id,
    category_id,
    ...outlineOf(mask, image),
    iscrowd: 0,
    ...(predictedIou !== undefined && { score: predictedIou, predicted_iou: predictedIou }),
    ...(mask.score !== undefined && { score: mask.score }),
    ...(stabilityScore !== undefined && { stability_score: stabilityScore }),
    ...(pointCoords && { point_coords: pointCoords }),
    ...(cropBox && { crop_box: cropBox }),
  };
}

/** What the mask covers; area and box are made of it, as a record's box ends a pixel earlier than COCO's. */
function outlineOf({ segmentation }: MaskToExport, image: CocoImage) {
  if (Array.isArray(segmentation)) return { segmentation, area: ringsArea(segmentation), bbox: ringsBox(segmentation) };
  const rle = rleOf(segmentation as Exclude<typeof segmentation, number[][]>);
  const [height, width] = rle.size;
  if (width !== image.width || height !== image.height) {
    throw new ArgumentError(
      `a mask of ${image.file_name} is ${width} x ${height}, expected ${image.width} x ${image.height}`,
    );
  }
  const area = maskArea(rle);
  const [x0, y0, x1, y1] = maskBox(rle);
  const bbox = area === 0 ? ([0, 0, 0, 0] as const) : ([x0, y0, x1 + 1 - x0, y1 + 1 - y0] as const);
  return { segmentation: toCocoRle(rle), area, bbox };
}

function rleOf(segmentation: Exclude<Segmentations[keyof Segmentations], number[][]>): Rle {
  if ("data" in segmentation) return encodeRle(segmentation);
  return typeof segmentation.counts === "string" ? fromCocoRle(segmentation as CocoRle) : (segmentation as Rle);
}

/** Rings around holes run the other way round, so that their area counts as none. */
function ringsArea(rings: readonly number[][]): number {
  return Math.abs(rings.reduce((sum, ring) => sum + signedArea(ring), 0));
}
