// A server over time: its device is lost under load, scenes expire, requests take too long, and it ends.
import { afterEach, expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import { LimitError } from "../../src/device/errors.ts";
import { openDevice } from "../../src/device/open.ts";
import { TOGGLES } from "../adapters.ts";
import { answerOf, base64Of, metric, PHOTOS, post, startTestServer } from "./testServer.ts";

const CLIP = [{ name: "tiny-clip", source: "checkpoints/tiny-clip" }];
const SAM = [{ name: "tiny-sam", source: "checkpoints/tiny-sam" }];

let server: Awaited<ReturnType<typeof startTestServer>>;
afterEach(async () => {
  await server.close(10);
  expect(server.faults).toEqual([]);
});

it("of requests under way when the device is lost each is answered rightly or told to come again", async () => {
  const devices: Device[] = [];
  const open = async () => {
    const device = await openDevice({ toggles: TOGGLES });
    devices.push(device);
    return device;
  };
  server = await startTestServer({ models: [...CLIP, ...SAM], openDevice: open });
  const photo = await base64Of(PHOTOS[0] as string);
  const body = { input: [{ image: photo }, "a cat"] };
  const expected = await post(server, "/v1/embeddings", body);
  const { json: scene } = await post(server, "/v1/scenes", { image: photo });
  const asked = Array.from({ length: 20 }, () => post(server, "/v1/embeddings", body));
  await Promise.race(asked);
  devices[0]?.gpu.destroy();
  for (const { status, json, headers } of await Promise.all(asked)) {
    if (status === 200) expect(json).toEqual(expected.json);
    else expect([status, headers.get("retry-after")]).toEqual([503, "2"]);
  }
  const later = await post(server, "/v1/embeddings", body);
  expect([later.status, later.json]).toEqual([200, expected.json]);
  expect(devices.length).toBe(2);
  expect(await metric(server, "webgpu_vision_device_losses_total")).toBe(1);
  const gone = await post(server, `/v1/scenes/${scene.id}/segment`, { points: [{ x: 1, y: 1 }] });
  expect([gone.status, gone.json.error.message]).toEqual([404, expect.stringMatching(/went with the device/)]);
});

it("a device that does not come back is told, and tried again", async () => {
  let opened = 0;
  let device: Device | undefined;
  const open = async () => {
    if (opened++ === 1) throw new LimitError("no device now");
    device = await openDevice({ toggles: TOGGLES });
    return device;
  };
  server = await startTestServer({ models: CLIP, openDevice: open });
  device?.gpu.destroy();
  await device?.gpu.lost;
  expect((await fetch(`${server.address}/readyz`)).status).toBe(503);
  expect((await fetch(`${server.address}/healthz`)).status).toBe(200);
  expect((await post(server, "/v1/embeddings", { input: "a" })).status).toBe(503);
  expect((await post(server, "/v1/embeddings", { input: "a" })).status).toBe(200);
  expect((await fetch(`${server.address}/readyz`)).status).toBe(200);
});

it("a scene that nobody uses is freed, and a request that takes too long is ended", async () => {
  server = await startTestServer({ models: SAM, limits: { sceneSeconds: 0.05, timeout: 0.5 } });
  const photo = await base64Of(PHOTOS[0] as string);
  await post(server, "/v1/segment", { image: photo, points: [{ x: 1, y: 1 }] }); // makes the plans, or runs out of time
  const masks = await post(server, "/v1/masks", { image: photo, points_per_side: 64, pred_iou_thresh: 0 });
  expect([masks.status, masks.json.error.message]).toEqual([504, expect.stringMatching(/took over 0.5 s/)]);
  while ((await metric(server, "webgpu_vision_scenes")) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(server.models.memory?.bytes).toBeGreaterThan(0);
});

it("on closing, what was accepted is answered and nothing else is taken on", async () => {
  server = await startTestServer({ models: CLIP });
  const photo = await base64Of(PHOTOS[0] as string);
  const asked = Array.from({ length: 12 }, () => post(server, "/v1/embeddings", { input: [{ image: photo }] }));
  const answered = 'webgpu_vision_request_seconds_count\\{route="/v1/embeddings",status="200"\\}';
  for (let accepted = 0; accepted < 12; ) {
    accepted = (await metric(server, "webgpu_vision_requests_accepted")) + ((await metric(server, answered)) || 0);
  }
  const closed = server.close(60);
  for (const { status, json } of await Promise.all(asked)) {
    expect(status).toBe(200);
    expect(json.data.length).toBe(1);
  }
  await closed;
  await expect(fetch(`${server.address}/healthz`)).rejects.toThrow();
  expect(server.models.memory).toBeUndefined();
});

it("what is not answered in the time of grace is told that the server was stopped", async () => {
  server = await startTestServer({ models: SAM });
  const image = await base64Of(PHOTOS[0] as string);
  const settings = { points_per_side: 64, pred_iou_thresh: 0, stability_score_thresh: 0 };
  const asked = answerOf(
    fetch(`${server.address}/v1/masks`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ image, ...settings }),
    }),
  );
  while ((await metric(server, "webgpu_vision_requests_accepted")) < 1) await new Promise(setImmediate);
  await server.close(0.1);
  const { status, json } = await asked;
  expect([status, json.error.message]).toEqual([503, "the server was stopped"]);
});
