// Indexes of pictures: /v1/search, by a text, pictures, and what it must not be like.
import type { FastifyInstance } from "fastify";
import type { FromSchema } from "json-schema-to-ts";
import { shortest } from "../../io/numbers.ts";
import { combineQuery } from "../../search/query.ts";
import { checkCount } from "../answers.ts";
import { RequestError } from "../failures.ts";
import { indexOf } from "../indexes.ts";
import { SearchAnswer, SearchRequest } from "../searchSchemas.ts";
import { addWork, type Served } from "./route.ts";

export function addSearchRoutes(app: FastifyInstance, served: Served): void {
  const work = {
    summary: "Pictures of an index that are like a text, like pictures, or like both",
    tag: "Search",
    body: SearchRequest,
    answer: SearchAnswer,
  };
  addWork(app, "/v1/search", work, served, async (body, { uploads, signal }) => {
    const { index: name, top, page, where, exact, ...asked } = body as FromSchema<typeof SearchRequest>;
    const { text, images, minus } = asked;
    checkCount("images", images.length + minus.length, served.limits.items);
    if (text === undefined && images.length === 0) {
      throw new RequestError(400, "there is nothing to look for: give text, or images", { param: "text" });
    }
    const index = indexOf(served.indexes, name);
    const model = await served.models.use("Clip", index.model);
    const embed = (words: string) => model.embedText(words, signal);
    const embedPicture = async (image: string, i: number) =>
      model.embedPicture(await uploads.picture(image, `images[${i}]`), signal);
    const [ofText, ofImages, ofMinus] = await Promise.all([
      text === undefined ? undefined : embed(text),
      Promise.all(images.map(embedPicture)),
      Promise.all(minus.map(embed)),
    ]);
    const parts = { text: ofText, images: ofImages, minus: ofMinus, imageWeight: asked.image_weight };
    const vector = combineQuery(parts);
    if (!vector) {
      const message = "what is looked for and what it must not be like are the same";
      throw new RequestError(400, message, { param: "minus" });
    }
    const pictures = await index.search(vector, { top, offset: (page - 1) * top, where, isExact: exact });
    return {
      index: index.name,
      model: index.model,
      pictures: await index.count(where),
      page,
      results: pictures.map(({ score, taken, ...facts }) => {
        return { ...facts, taken: taken?.toISOString() ?? null, score: shortest(score) };
      }),
    };
  });
}
