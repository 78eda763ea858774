// CLIP: /v1/embeddings, as OpenAI's clients know it, and /v1/classify.
import type { FastifyInstance } from "fastify";
import type { FromSchema } from "json-schema-to-ts";
import { shortest } from "../../io/numbers.ts";
import { checkCount, type Encoding, encoded } from "../answers.ts";
import { RequestError } from "../failures.ts";
import { ClassifyAnswer, ClassifyRequest, EmbeddingsAnswer, EmbeddingsForm, EmbeddingsRequest } from "../schemas.ts";
import { addWork, type Served, type WorkRequest } from "./route.ts";

/** Most texts that labels and templates make together. */
const MOST_LABEL_TEXTS = 4096;

export function addClipRoutes(app: FastifyInstance, served: Served): void {
  addEmbeddings(app, served);
  addClassify(app, served);
}

/** A text, or a picture and the field that holds it. */
type Input = { readonly text: string } | { readonly image: string; readonly param: string };

/** What to embed, of a body in JSON or of a form; types made of both schemas would be too complex for TypeScript. */
interface EmbeddingsBody {
  readonly model?: string;
  readonly encoding_format?: Encoding;
  readonly dimensions?: number;
  readonly input?: string | readonly (string | { readonly text?: string; readonly image?: string })[];
  readonly image?: readonly string[];
}

function addEmbeddings(app: FastifyInstance, served: Served): void {
  const work = {
    summary: "Embeddings of texts and pictures, of unit length, in OpenAI's form",
    tag: "CLIP",
    body: EmbeddingsRequest,
    form: EmbeddingsForm,
    answer: EmbeddingsAnswer,
  };
  addWork(app, "/v1/embeddings", work, served, async (body, { uploads, signal }) => {
    const { model: name, encoding_format: encoding = "float", dimensions } = body as EmbeddingsBody;
    const inputs = inputsOf(body as EmbeddingsBody);
    checkCount("input", inputs.length, served.limits.items);
    const model = await served.models.use("Clip", name);
    const texts = inputs.flatMap((input) => ("text" in input ? [input.text] : []));
    const rows = await all(inputs, async (input) => {
      if ("text" in input) return model.embedText(input.text, signal);
      return model.embedPicture(await uploads.picture(input.image, input.param), signal);
    });
    const channels = rows[0]?.length;
    if (dimensions !== undefined && dimensions !== channels) {
      const message = `dimensions is ${dimensions}, but the model's embeddings have ${channels} and are not cut off`;
      throw new RequestError(400, message, { param: "dimensions" });
    }
    const tokens = model.countTokens(texts);
    return {
      object: "list",
      model: served.models.nameOf("Clip", name),
      data: rows.map((row, index) => ({ object: "embedding", index, embedding: encoded(row, encoding) })),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  });
}

function inputsOf({ input = [], image = [] }: EmbeddingsBody): Input[] {
  const list = typeof input === "string" ? [input] : input;
  const inputs = list.map((one, i): Input => {
    if (typeof one === "string") return { text: one };
    return one.image === undefined ? { text: one.text ?? "" } : { image: one.image, param: `input[${i}].image` };
  });
  const pictures = image.map((one, i) => ({ image: one, param: `image[${i}]` }));
  if (inputs.length + pictures.length > 0) return [...inputs, ...pictures];
  throw new RequestError(400, "there is nothing to embed: give input, or image", { param: "input" });
}

function addClassify(app: FastifyInstance, served: Served): void {
  const work = {
    summary: "Scores of labels for pictures, best first",
    tag: "CLIP",
    body: ClassifyRequest,
    answer: ClassifyAnswer,
  };
  addWork(app, "/v1/classify", work, served, async (body, request) => {
    const { model: name, images, labels, templates, top = labels.length } = body as FromSchema<typeof ClassifyRequest>;
    checkCount("labels x templates", labels.length * templates.length, MOST_LABEL_TEXTS);
    const model = await served.models.use("Clip", name);
    const results = await ofPictures(images, request, served, async (picture, index) => {
      const scores = await model.classify(picture, labels, templates, request.signal);
      return { index, labels: scores.slice(0, top).map(({ label, score }) => ({ label, score: shortest(score) })) };
    });
    return { model: served.models.nameOf("Clip", name), results };
  });
}

/** Does work for each picture of a request, in their order. */
export async function ofPictures<T>(
  images: readonly string[],
  { uploads }: Pick<WorkRequest, "uploads">,
  { limits }: Served,
  work: (picture: Uint8Array, index: number) => Promise<T>,
): Promise<T[]> {
  checkCount("images", images.length, limits.items);
  return all(images, async (image, index) => work(await uploads.picture(image, `images[${index}]`), index));
}

/** Does work for each of a list at once; the first that fails is the request's failure. */
function all<Item, T>(list: readonly Item[], work: (item: Item, index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(list.map(work));
}
