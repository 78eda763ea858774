// What the server answers: the library's own results, in the forms that its OpenAPI document says.
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LabelScore } from "../../src/api/embeddings.ts";
import type { SamMask } from "../../src/api/samScene.ts";
import { openSource } from "../../src/io/source/openSource.ts";
import { openTokenizer } from "../../src/io/tokenizer.ts";
import { toCocoRle } from "../../src/masks/cocoRle.ts";
import { encodeRle } from "../../src/masks/rle.ts";
import type { RunningServer } from "../../src/server/server.ts";
import { type Answer, answerOf, base64Of, metric, PHOTOS, post, postForm, startTestServer } from "./testServer.ts";

let server: Awaited<ReturnType<typeof startTestServer>>;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.close(10);
  expect(server.faults).toEqual([]);
});

const [cat, dog] = PHOTOS as [string, string];

/** Holds an answer to what the document says of a route. */
function expectDocumented(path: string, { status, json }: Answer, method = "post"): void {
  const { paths } = server.app.swagger() as unknown as { paths: Record<string, Record<string, Operation>> };
  const responses = paths[path]?.[method]?.responses ?? {};
  const response = responses[status] ?? responses[`${String(status)[0]}XX`];
  const schema = response?.content?.["application/json"]?.schema;
  expect(schema, `${method} ${path} says nothing of ${status}`).toBeDefined();
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  expect(ajv.validate(schema as object, json), ajv.errorsText()).toBe(true);
}

interface Operation {
  readonly responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

function expectClose(actual: readonly number[], expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  const worst = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] as number))), 0);
  expect(worst).toBeLessThan(1e-5);
}

function floats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

describe("/v1/embeddings", () => {
  it("embeds texts and pictures of one request, in their order", async () => {
    const { clip } = await server.models.use("Clip", undefined);
    const input = ["a cat", { image: await base64Of(cat) }, { text: "a dog" }];
    const answer = await post(server, "/v1/embeddings", { input, model: "tiny-clip" });
    expect(answer.status).toBe(200);
    expectDocumented("/v1/embeddings", answer);
    const texts = await clip.encodeText(["a cat", "a dog"]);
    const picture = await clip.encodeImage(cat);
    const [first, second, third] = answer.json.data.map(({ embedding }: { embedding: number[] }) => embedding);
    expectClose(first, texts.data.subarray(0, 128));
    expectClose(second, picture.data);
    expectClose(third, texts.data.subarray(128));
    const tokenizer = await openTokenizer(await openSource("checkpoints/tiny-clip"));
    const tokens = tokenizer?.encode(["a cat", "a dog"]).flat().length;
    expect(answer.json.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
  });

  it("takes OpenAI's single text, and gives base64", async () => {
    const { clip } = await server.models.use("Clip", undefined);
    const answer = await post(server, "/v1/embeddings", { input: "a cat", encoding_format: "base64", user: "me" });
    expectDocumented("/v1/embeddings", answer);
    expectClose([...floats(answer.json.data[0].embedding)], (await clip.encodeText("a cat")).data);
  });

  it("takes a form", async () => {
    const { clip } = await server.models.use("Clip", undefined);
    const fields = [
      ["input", "a cat"],
      ["image", `@${cat}`],
      ["image", `@${dog}`],
    ] as const;
    const { json } = await postForm(server, "/v1/embeddings", fields);
    const pictures = await clip.encodeImage([cat, dog]);
    expectClose(json.data[1].embedding, pictures.data.subarray(0, 128));
    expectClose(json.data[2].embedding, pictures.data.subarray(128));
  });

  it("runs what comes at once together", async () => {
    const { clip } = await server.models.use("Clip", undefined);
    const expected = await clip.encodeImage(PHOTOS);
    const photos = await Promise.all(PHOTOS.map(base64Of));
    const before = await metric(server, "webgpu_vision_batch_items_count");
    const asked = Array.from({ length: 24 }, (_, i) => {
      return post(server, "/v1/embeddings", { input: [{ image: photos[i % 3] }] });
    });
    for (const [i, { status, json }] of (await Promise.all(asked)).entries()) {
      expect(status).toBe(200);
      expectClose(json.data[0].embedding, expected.data.subarray((i % 3) * 128, ((i % 3) + 1) * 128));
    }
    expect((await metric(server, "webgpu_vision_batch_items_count")) - before).toBeLessThan(24);
  });
});

describe("/v1/classify", () => {
  it("scores labels, by templates too, and gives the best", async () => {
    const { clip } = await server.models.use("Clip", undefined);
    const [labels, templates] = [
      ["cat", "dog", "ship"],
      ["a photo of a {}", "a drawing of a {}"],
    ];
    const images = [await base64Of(cat), `data:image/jpeg;base64,${await base64Of(dog)}`];
    const answer = await post(server, "/v1/classify", { images, labels, templates, top: 2 });
    expectDocumented("/v1/classify", answer);
    const expected = await clip.classify([cat, dog], labels, { template: templates });
    for (const [i, scores] of expected.entries()) {
      const { index, labels: got } = answer.json.results[i];
      expect(index).toBe(i);
      expect(got.map(({ label }: LabelScore) => label)).toEqual(scores.slice(0, 2).map(({ label }) => label));
      expectClose(
        got.map(({ score }: LabelScore) => score),
        scores.slice(0, 2).map(({ score }) => score),
      );
    }
  });
});

describe("/v1/features", () => {
  it("gives vectors of the picture, its patches and layers", async () => {
    const { dino } = await server.models.use("Dino", undefined);
    const options = { layers: [-2], attention: true };
    const expected = await dino.encodeImage(cat, options);
    const fields = [
      ["images", `@${cat}`],
      ["patches", "true"],
      ["attention", "true"],
      ["layers", "-2"],
    ] as const;
    const answer = await postForm(server, "/v1/features", fields);
    expectDocumented("/v1/features", answer);
    const [result] = answer.json.results;
    expect(result.grid).toEqual([...expected.grid]);
    expectClose(result.cls, expected.cls.data);
    expectClose(result.patches, expected.patches.data);
    expectClose(result.attention, expected.attention?.data ?? []);
    expectClose(result.layers[0].patches, expected.layers?.[0]?.patches.data ?? []);
  });
});

/** Masks as the server writes them. */
function asAnswer(masks: readonly SamMask[]) {
  return masks.map(({ mask, width, height }) => toCocoRle(encodeRle({ width, height, data: mask })));
}

describe("SAM", () => {
  const points = [{ x: 300, y: 200 }];

  it("/v1/segment gives the masks of a prompt, in each form", async () => {
    const { sam } = await server.models.use("Sam", undefined);
    using scene = await sam.encodeImage(cat);
    const image = await base64Of(cat);
    const answer = await post(server, "/v1/segment", { image, points });
    expectDocumented("/v1/segment", answer);
    const expected = await scene.predict({ points });
    expect(answer.json.masks.map(({ segmentation }: Segmented) => segmentation)).toEqual(asAnswer(expected));
    expect([answer.json.width, answer.json.height]).toEqual([scene.width, scene.height]);
    for (const format of ["png", "polygon"]) {
      const other = await post(server, "/v1/segment", { image, points, multimask: false, mask_format: format });
      expectDocumented("/v1/segment", other);
      const [{ segmentation }] = other.json.masks;
      const isRight = format === "png" ? segmentation.startsWith("iVBORw0KGgo") : segmentation[0].length >= 8;
      expect(isRight).toBe(true);
    }
  });

  it("a scene takes prompts until it is deleted", async () => {
    const { sam } = await server.models.use("Sam", undefined);
    using scene = await sam.encodeImage(cat);
    const created = await postForm(server, "/v1/scenes", [["image", `@${cat}`]]);
    expect(created.status).toBe(201);
    expectDocumented("/v1/scenes", created);
    const path = `/v1/scenes/${created.json.id}`;
    const boxes = [
      [10, 20, 200, 300],
      [50, 60, 500, 400],
    ];
    const answer = await post(server, `${path}/segment`, { boxes, multimask: false });
    expectDocumented("/v1/scenes/{id}/segment", answer);
    const expected = await scene.predict({ boxes: boxes as [number, number, number, number][], multimask: false });
    expect(answer.json.masks.map(({ prompt }: { prompt: number[] }) => prompt)).toEqual(boxes);
    expect(answer.json.masks.map(({ segmentation }: Segmented) => segmentation)).toEqual(asAnswer(expected.flat()));
    expectDocumented("/v1/scenes/{id}", await answerOf(fetch(server.address + path)), "get");
    expect((await fetch(server.address + path, { method: "DELETE" })).status).toBe(204);
    expect((await post(server, `${path}/segment`, { points })).status).toBe(404);
  });

  it("/v1/masks finds everything", async () => {
    const { sam } = await server.models.use("Sam", undefined);
    const settings = { points_per_side: 4, pred_iou_thresh: 0.3, stability_score_thresh: 0.5 };
    const answer = await post(server, "/v1/masks", { image: await base64Of(cat), ...settings });
    expectDocumented("/v1/masks", answer);
    const options = { pointsPerSide: 4, predIouThresh: 0.3, stabilityScoreThresh: 0.5 };
    const expected = await sam.generateMasks(cat, { ...options, outputMode: "coco_rle" });
    expect(expected.length).toBeGreaterThan(0);
    expect(answer.json.masks.map(({ segmentation }: Segmented) => segmentation)).toEqual(
      expected.map(({ segmentation }) => segmentation),
    );
  });
});

interface Segmented {
  readonly segmentation: unknown;
}

it("says which models there are, and that it is ready", async () => {
  const models = await answerOf(fetch(`${server.address}/v1/models`));
  expectDocumented("/v1/models", models, "get");
  expect(models.json.data.map(({ id, class: of }: { id: string; class: string }) => [id, of])).toEqual([
    ["tiny-clip", "Clip"],
    ["tiny-dino", "Dino"],
    ["tiny-sam", "Sam"],
  ]);
  for (const path of ["/healthz", "/readyz"]) expect((await fetch(server.address + path)).status).toBe(200);
});

it("its document has all of its routes", () => {
  expect(Object.keys(documentOf(server).paths).sort()).toEqual([
    "/healthz",
    "/metrics",
    "/readyz",
    "/v1/classify",
    "/v1/embeddings",
    "/v1/features",
    "/v1/masks",
    "/v1/models",
    "/v1/scenes",
    "/v1/scenes/{id}",
    "/v1/scenes/{id}/segment",
    "/v1/search",
    "/v1/segment",
  ]);
});

function documentOf({ app }: RunningServer): { paths: object } {
  return app.swagger() as unknown as { paths: object };
}
