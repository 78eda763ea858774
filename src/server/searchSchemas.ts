// What requests and answers of /v1/search hold, as schemas.ts has it for the others.
import { body, MOST_ITEMS, PICTURE, text } from "./schemas.ts";

export const SearchRequest = body(
  {
    index: { type: "string", description: "Name of the index, where several are served." },
    text: { ...text, description: "What is looked for, in words." },
    images: {
      type: "array",
      items: PICTURE,
      maxItems: MOST_ITEMS,
      default: [],
      description: "Pictures like what is looked for.",
    },
    minus: {
      type: "array",
      items: text,
      maxItems: MOST_ITEMS,
      default: [],
      description: "Texts of what it must not be like.",
    },
    image_weight: {
      type: "number",
      minimum: 0,
      maximum: 1,
      default: 0.5,
      description: "How much the pictures count beside the text.",
    },
    top: { type: "integer", minimum: 1, maximum: 1000, default: 10, description: "How many pictures a page has." },
    page: { type: "integer", minimum: 1, maximum: 1000, default: 1 },
    where: {
      type: "string",
      minLength: 1,
      maxLength: 10_000,
      description: "A condition in SQL, on the columns of the index: width > 1000 AND taken > timestamp '2024-01-01'.",
    },
    exact: {
      type: "boolean",
      default: false,
      description: "Look at all pictures, even where there is an index of neighbours.",
    },
  },
  [],
);

const orNull = <const T extends string>(type: T) => ({ anyOf: [{ type }, { type: "null" }] }) as const;

export const SearchAnswer = body(
  {
    index: { type: "string" },
    model: { type: "string" },
    pictures: { type: "integer", description: "How many there are, of those that the condition holds for." },
    page: { type: "integer" },
    results: {
      type: "array",
      description: "Best first.",
      items: body(
        {
          path: { type: "string" },
          score: { type: "number", description: "Cosine with what was looked for." },
          width: orNull("integer"),
          height: orNull("integer"),
          taken: { ...orNull("string"), description: "When the picture was taken." },
        },
        ["path", "score", "width", "height", "taken"],
      ),
    },
  },
  ["index", "model", "pictures", "page", "results"],
);
