// What requests hold and answers give, as JSON Schema: requests are checked by it, the OpenAPI document is made of it,
// and so are the types that the code has of both.
export const text = { type: "string", minLength: 1, maxLength: 100_000 } as const;
const numbers = { type: "array", items: { type: "number" } } as const;
const size = { type: "array", items: { type: "integer" }, minItems: 2, maxItems: 2 } as const;
const box = { type: "array", items: { type: "number" }, minItems: 4, maxItems: 4 } as const;

/** Longer lists are refused unread; a server's own bounds (limits.ts) are lower. */
export const MOST_ITEMS = 4096;

/** A picture: in a form, a file. */
export const PICTURE = {
  type: "string",
  minLength: 1,
  description:
    "A JPEG, PNG, WebP, AVIF, GIF or TIFF, in base64 or as a data: URL; in a form, a file. " +
    "Where the server was started with --allow-urls, a public http: or https: address too.",
} as const;

const model = { type: "string", description: "Name of the model, where several of its kind are served." } as const;

const encoding = {
  type: "string",
  enum: ["float", "base64"],
  default: "float",
  description: "Numbers as JSON, or as base64 of little-endian float32.",
} as const;

/** An array of numbers in either encoding. */
const vector = { anyOf: [numbers, { type: "string" }] } as const;

const maskFormat = {
  type: "string",
  enum: ["coco_rle", "png", "polygon"],
  default: "coco_rle",
  description: "Masks as COCO's run lengths, as base64 of a grey PNG, or as outlines [x, y, x, y, ...].",
} as const;

const segmentation = {
  description: "The mask in the form of mask_format.",
  anyOf: [
    {
      type: "object",
      properties: { size: { ...size, description: "[height, width]" }, counts: { type: "string" } },
      required: ["size", "counts"],
      additionalProperties: false,
    },
    { type: "string" },
    { type: "array", items: numbers },
  ],
} as const;

const edges = {
  type: "object",
  description: "Edges of what the mask covers, in pixels.",
  properties: {
    x0: { type: "number" },
    y0: { type: "number" },
    x1: { type: "number" },
    y1: { type: "number" },
  },
  required: ["x0", "y0", "x1", "y1"],
  additionalProperties: false,
} as const;

const prompt = {
  points: {
    type: "array",
    maxItems: 1024,
    description: "Pixels inside the object (label 1), or outside it (0).",
    items: {
      type: "object",
      properties: {
        x: { type: "number" },
        y: { type: "number" },
        label: { type: "integer", enum: [0, 1], default: 1 },
      },
      required: ["x", "y"],
      additionalProperties: false,
    },
  },
  box: { ...box, description: "A box around the object: [x0, y0, x1, y1] in pixels." },
  boxes: { type: "array", items: box, minItems: 1, maxItems: 256, description: "Boxes around several objects." },
  multimask: {
    type: "boolean",
    default: true,
    description: "Three masks from part to whole, which suits a single point; or one, which suits several, or a box.",
  },
  mask_format: maskFormat,
} as const;

/** A body without other fields than these. */
export function body<const P extends object, const R extends readonly (keyof P & string)[]>(
  properties: P,
  required: R,
) {
  return { type: "object", properties, required, additionalProperties: false } as const;
}

export const EmbeddingsRequest = body(
  {
    model,
    input: {
      description: "Texts, and pictures as { image }. In a form: `input` are texts, `image` are files.",
      anyOf: [
        text,
        {
          type: "array",
          minItems: 1,
          maxItems: MOST_ITEMS,
          items: { anyOf: [text, { ...body({ text, image: PICTURE }, []), minProperties: 1, maxProperties: 1 }] },
        },
      ],
    },
    encoding_format: encoding,
    dimensions: { type: "integer", description: "Only as many as the model has." },
    user: { type: "string", description: "Taken for OpenAI's clients, and not used." },
  },
  ["input"],
);

/** The same as a form. */
export const EmbeddingsForm = body(
  {
    model,
    input: { type: "array", items: text, maxItems: MOST_ITEMS },
    image: { type: "array", items: PICTURE, maxItems: MOST_ITEMS },
    encoding_format: encoding,
  },
  [],
);

export const EmbeddingsAnswer = body(
  {
    object: { type: "string", const: "list" },
    model: { type: "string" },
    data: {
      type: "array",
      items: body({ object: { type: "string", const: "embedding" }, index: { type: "integer" }, embedding: vector }, [
        "object",
        "index",
        "embedding",
      ]),
    },
    usage: body({ prompt_tokens: { type: "integer" }, total_tokens: { type: "integer" } }, [
      "prompt_tokens",
      "total_tokens",
    ]),
  },
  ["object", "model", "data", "usage"],
);

const images = { type: "array", items: PICTURE, minItems: 1, maxItems: MOST_ITEMS } as const;

export const ClassifyRequest = body(
  {
    model,
    images,
    labels: { type: "array", items: text, minItems: 1, maxItems: MOST_ITEMS, uniqueItems: true },
    templates: {
      type: "array",
      items: { ...text, pattern: "\\{\\}" },
      minItems: 1,
      maxItems: MOST_ITEMS,
      default: ["a photo of a {}"],
      description: "Sentences with {} for the label; of several the mean counts.",
    },
    top: { type: "integer", minimum: 1, description: "Only so many labels, the best." },
  },
  ["images", "labels"],
);

export const ClassifyAnswer = body(
  {
    model: { type: "string" },
    results: {
      type: "array",
      items: body(
        {
          index: { type: "integer" },
          labels: {
            type: "array",
            items: body({ label: { type: "string" }, score: { type: "number" } }, ["label", "score"]),
          },
        },
        ["index", "labels"],
      ),
    },
  },
  ["model", "results"],
);

export const FeaturesRequest = body(
  {
    model,
    images,
    size: {
      description: "Shortest edge in pixels, or [height, width]; what the model was trained for when absent.",
      anyOf: [{ type: "integer", minimum: 1, maximum: 4096 }, size],
    },
    layers: { type: "array", items: { type: "integer" }, maxItems: 64, description: "Tokens of these layers too." },
    patches: { type: "boolean", default: false, description: "A vector of each patch too." },
    attention: { type: "boolean", default: false, description: "The class token's attention in the last layer too." },
    encoding_format: encoding,
  },
  ["images"],
);

const tokens = { cls: vector, patches: vector } as const;

export const FeaturesAnswer = body(
  {
    model: { type: "string" },
    results: {
      type: "array",
      items: body(
        {
          index: { type: "integer" },
          ...tokens,
          grid: { ...size, description: "Patches down and across." },
          attention: { ...vector, description: "[heads, patches]" },
          layers: { type: "array", items: body({ layer: { type: "integer" }, ...tokens }, ["layer", "cls"]) },
        },
        ["index", "cls", "grid"],
      ),
    },
  },
  ["model", "results"],
);

export const SegmentRequest = body({ model, image: PICTURE, ...prompt }, ["image"]);
export const SceneRequest = body({ model, image: PICTURE }, ["image"]);
export const PromptRequest = body(prompt, []);

const scene = {
  id: { type: "string" },
  model: { type: "string" },
  width: { type: "integer" },
  height: { type: "integer" },
  expires_at: { type: "string", format: "date-time", description: "Freed then, unless it is used before." },
} as const;

export const SceneAnswer = body(scene, ["id", "model", "width", "height", "expires_at"]);

export const SegmentAnswer = body(
  {
    model: { type: "string" },
    width: { type: "integer" },
    height: { type: "integer" },
    masks: {
      type: "array",
      items: body(
        {
          score: { type: "number", description: "IoU with the true mask, as the model predicts it." },
          prompt: { ...box, description: "The box of `boxes` that it is of." },
          area: { type: "integer" },
          box: edges,
          segmentation,
        },
        ["score", "area", "box", "segmentation"],
      ),
    },
  },
  ["model", "width", "height", "masks"],
);

export const MasksRequest = body(
  {
    model,
    image: PICTURE,
    points_per_side: { type: "integer", minimum: 1, maximum: 64 },
    pred_iou_thresh: { type: "number" },
    stability_score_thresh: { type: "number" },
    stability_score_offset: { type: "number", minimum: 0 },
    box_nms_thresh: { type: "number", minimum: 0 },
    crop_n_layers: { type: "integer", minimum: 0, maximum: 2 },
    crop_nms_thresh: { type: "number", minimum: 0 },
    min_mask_region_area: { type: "integer", minimum: 0 },
    mask_format: maskFormat,
  },
  ["image"],
);

export const MasksAnswer = body(
  {
    model: { type: "string" },
    masks: {
      type: "array",
      items: body(
        {
          segmentation,
          area: { type: "integer" },
          bbox: { ...box, description: "[x, y, width, height]" },
          predicted_iou: { type: "number" },
          point_coords: { type: "array", items: numbers },
          stability_score: { type: "number" },
          crop_box: { ...box, description: "[x, y, width, height]" },
        },
        ["segmentation", "area", "bbox", "predicted_iou", "point_coords", "stability_score", "crop_box"],
      ),
    },
  },
  ["model", "masks"],
);

export const ModelsAnswer = body(
  {
    object: { type: "string", const: "list" },
    data: {
      type: "array",
      items: body(
        {
          id: { type: "string" },
          object: { type: "string", const: "model" },
          owned_by: { type: "string" },
          class: { type: "string", enum: ["Clip", "Dino", "Sam"] },
          dtype: { type: "string" },
        },
        ["id", "object", "owned_by", "class", "dtype"],
      ),
    },
  },
  ["object", "data"],
);

export const StatusAnswer = body({ status: { type: "string" } }, ["status"]);

export const ErrorAnswer = body(
  {
    error: body(
      {
        message: { type: "string" },
        type: { type: "string" },
        code: { type: ["string", "null"] },
        param: { type: ["string", "null"] },
      },
      ["message", "type", "code", "param"],
    ),
  },
  ["error"],
);
