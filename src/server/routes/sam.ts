// SAM: /v1/segment for one prompt, /v1/scenes for several of one picture, /v1/masks for everything in it.
import type { FastifyInstance } from "fastify";
import type { FromSchema } from "json-schema-to-ts";
import type { SamScene } from "../../api/samScene.ts";
import { shortest } from "../../io/numbers.ts";
import { maskEdges } from "../../masks/edges.ts";
import { encodeRle, maskArea } from "../../masks/rle.ts";
import type { SamBox, SamPoint } from "../../models/sam/prompts.ts";
import { type MaskFormat, segmentationOf } from "../answers.ts";
import { RequestError } from "../failures.ts";
import type { KeptScene } from "../scenes.ts";
import {
  MasksAnswer,
  MasksRequest,
  PromptRequest,
  SceneAnswer,
  SceneRequest,
  SegmentAnswer,
  SegmentRequest,
} from "../schemas.ts";
import { addWork, ERRORS, paramsOf, type Served } from "./route.ts";

export function addSamRoutes(app: FastifyInstance, served: Served): void {
  addSegment(app, served);
  addScenes(app, served);
  addScenePrompts(app, served);
  addMasks(app, served);
}

/** What shows the object, as a request says it. */
interface Prompt {
  readonly points?: readonly SamPoint[];
  readonly box?: readonly number[];
  readonly boxes?: readonly (readonly number[])[];
  readonly multimask: boolean;
  readonly mask_format: MaskFormat;
}

function addSegment(app: FastifyInstance, served: Served): void {
  const work = {
    summary: "Masks of what points or boxes show in a picture",
    tag: "SAM",
    body: SegmentRequest,
    answer: SegmentAnswer,
  };
  addWork(app, "/v1/segment", work, served, async (body, { uploads, signal }) => {
    const { model: name, image, ...prompt } = body as FromSchema<typeof SegmentRequest>;
    checkPrompt(prompt as Prompt);
    const picture = await uploads.picture(image, "image");
    const model = await served.models.use("Sam", name);
    const answer = await model.inTurn(async (both) => {
      using scene = await model.sam.encodeImage(picture, { signal: both });
      return await predict(scene, prompt as Prompt, both);
    }, signal);
    return { model: served.models.nameOf("Sam", name), ...answer };
  });
}

function addScenes(app: FastifyInstance, served: Served): void {
  const { models, scenes } = served;
  const work = {
    summary: "Encodes a picture and keeps it, for prompts that are answered at once",
    tag: "SAM",
    body: SceneRequest,
    answer: SceneAnswer,
    status: 201,
  };
  addWork(app, "/v1/scenes", work, served, async (body, { uploads, signal }) => {
    const { model: name, image } = body as FromSchema<typeof SceneRequest>;
    scenes.checkRoom();
    const picture = await uploads.picture(image, "image");
    const model = await models.use("Sam", name);
    const scene = await model.inTurn((both) => model.sam.encodeImage(picture, { signal: both }), signal);
    return sceneAnswer(scenes.add(scene, models.nameOf("Sam", name)));
  });
  const url = "/v1/scenes/:id";
  const schema = { tags: ["SAM"], ...paramsOf(url) };
  app.get<{ Params: { id: string } }>(
    url,
    { schema: { ...schema, summary: "What a scene is", response: { 200: SceneAnswer, ...ERRORS } } },
    async ({ params }) => sceneAnswer(scenes.use(params.id)),
  );
  app.delete<{ Params: { id: string } }>(
    url,
    { schema: { ...schema, summary: "Frees a scene", response: { 204: { type: "null" }, ...ERRORS } } },
    async ({ params }, reply) => {
      scenes.delete(params.id);
      return reply.code(204).send();
    },
  );
}

function sceneAnswer({ id, model, scene: { width, height }, expiresAt }: KeptScene) {
  return { id, model, width, height, expires_at: expiresAt.toISOString() };
}

function addScenePrompts(app: FastifyInstance, served: Served): void {
  const work = {
    summary: "Masks of what points or boxes show in a scene",
    tag: "SAM",
    body: PromptRequest,
    answer: SegmentAnswer,
  };
  addWork(app, "/v1/scenes/:id/segment", work, served, async (body, { signal, id }) => {
    checkPrompt(body as Prompt);
    const { model: name } = served.scenes.use(id);
    const model = await served.models.use("Sam", name); // which may be a new one, after a loss
    const { scene } = served.scenes.use(id);
    return { model: name, ...(await model.inTurn((both) => predict(scene, body as Prompt, both), signal)) };
  });
}

function addMasks(app: FastifyInstance, served: Served): void {
  const work = {
    summary: "Masks of everything in a picture, as segment-anything's automatic mask generator finds them",
    tag: "SAM",
    body: MasksRequest,
    answer: MasksAnswer,
  };
  addWork(app, "/v1/masks", work, served, async (body, { uploads, signal }) => {
    const { model: name, image, mask_format: format, ...settings } = body as FromSchema<typeof MasksRequest>;
    const picture = await uploads.picture(image, "image");
    const model = await served.models.use("Sam", name);
    // segment-anything's names are those of the library but for how words are joined.
    const options = renamed(settings, (name) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
    const records = await model.inTurn(
      (both) => model.sam.generateMasks(picture, { ...options, outputMode: "rle", signal: both }),
      signal,
    );
    const masks: object[] = [];
    for (const { segmentation, predictedIou, stabilityScore, ...numbers } of records) {
      const all = { ...numbers, predictedIou: shortest(predictedIou), stabilityScore: shortest(stabilityScore) };
      const named = renamed(all, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
      masks.push({ ...named, segmentation: await segmentationOf(segmentation, format) });
    }
    return { model: served.models.nameOf("Sam", name), masks };
  });
}

function renamed(object: object, rename: (name: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [rename(name), value]));
}

/** Throws a RequestError for a prompt that cannot be meant, before a picture is encoded for it. */
function checkPrompt({ points = [], box, boxes }: Prompt): void {
  const isEmpty = points.length === 0 && !box && !boxes;
  if (isEmpty)
    throw new RequestError(400, "nothing says what to segment: give points, box or boxes", { param: "points" });
  if (!boxes || (points.length === 0 && !box)) return;
  throw new RequestError(400, "boxes are objects of their own: give points or box in a request of each", {
    param: "boxes",
  });
}

async function predict(scene: SamScene, { points, box, boxes, multimask, mask_format }: Prompt, signal: AbortSignal) {
  const options = { multimask, signal };
  const results = boxes
    ? await scene.predict({ boxes: boxes as readonly SamBox[], ...options })
    : [await scene.predict({ points, box: box as SamBox | undefined, ...options })];
  const masks: object[] = [];
  for (const [i, found] of results.entries()) {
    for (const { mask, width, height, score } of found) {
      const rle = encodeRle({ width, height, data: mask });
      const segmentation = await segmentationOf(rle, mask_format);
      const of = boxes && { prompt: boxes[i] };
      masks.push({ score: shortest(score), ...of, area: maskArea(rle), box: maskEdges(rle), segmentation });
    }
  }
  return { width: scene.width, height: scene.height, masks };
}
