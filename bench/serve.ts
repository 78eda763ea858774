// The server under load: one client, then many at once with mixed requests, each answer compared with what the library
// gives; then more clients than it takes on; then SIGTERM under load. `npm run bench:serve -- --help`.
import { type ChildProcess, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { Command } from "commander";
import { bundleForNode } from "../scripts/bundle.mjs";
import { Clip } from "../src/api/clip.ts";
import { Dino } from "../src/api/dino.ts";
import { Sam } from "../src/api/sam.ts";
import { short, table } from "../src/cli/table.ts";
import { openDevice } from "../src/device/open.ts";
import { fromCocoRle } from "../src/masks/cocoRle.ts";
import { decodeRle } from "../src/masks/rle.ts";
import { quantile } from "../src/verify/timing/measure.ts";

/** A request, and how far an answer to it is from the library's: 0 where it is the same. */
interface Asked {
  readonly path: string;
  readonly body: object;
  readonly isRight: (answer: never) => boolean;
}

/** What came of requests. */
interface Tally {
  readonly ms: number[];
  readonly statuses: Map<string, number>;
  wrong: number;
  seconds: number;
}

// The rows of a batch are summed in another order than those of a single picture.
const MOST_APART = 1e-4;
const LEAST_IOU = 0.999;
const PHOTOS = ["drawn-cat", "drawn-ship", "drawn-horse", "drawn-bird"].map((name) => `demos/photos/${name}.jpg`);
const LABELS = ["cat", "dog", "ship", "horse", "bird"];

const program = new Command("bench:serve")
  .description(
    "Asks a server of the shipped checkpoints for much at once, and compares its answers with the library's.",
  )
  .option("--clients <n>", "clients at once", Number, 50)
  .option("--seconds <n>", "seconds of the load", Number, 120)
  .option("--write <file>", "write the table as Markdown")
  .parse();
const options = program.opts<{ clients: number; seconds: number; write?: string }>();

const { requests, adapter } = await libraryAnswers();
const server = await startServer(["--queue", String(options.clients)]);
const tallies: [string, Tally][] = [];
tallies.push(["one client", await load(1, options.seconds / 4)]);
const before = await memoryOf(server);
tallies.push([`${options.clients} clients`, await load(options.clients, options.seconds)]);
const after = await memoryOf(server);
tallies.push([`${3 * options.clients} clients, ${options.clients} taken on`, await load(3 * options.clients, 10)]);
tallies.push(["one client again", await load(1, 10)]);
const ended = await loadAndTerminate();
const text = report();
console.log(text);
if (options.write) await writeFile(options.write, text);
const isRight = tallies.every(([, { wrong, statuses }]) => wrong === 0 && !failed(statuses)) && ended.isRight;
process.exit(isRight ? 0 : 1);

/** Requests of each kind with the library's own results. */
async function libraryAnswers() {
  const device = await openDevice();
  const clip = await Clip.fromPretrained("checkpoints/tiny-clip", { device });
  const dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device });
  const sam = await Sam.fromPretrained("checkpoints/tiny-sam", { device });
  const requests: Asked[] = [];
  for (const path of PHOTOS) {
    const image = (await readFile(path)).toString("base64");
    const embedding = (await clip.encodeImage(path)).data;
    const isEmbedding = ({ data }: Embeddings) => areClose(data[0]?.embedding, embedding);
    requests.push({ path: "/v1/embeddings", body: { input: [{ image }] }, isRight: isEmbedding });
    const scores = new Map((await clip.classify(path, LABELS)).map(({ label, score }) => [label, score]));
    const areScores = ({ results: [result] }: Labelled) =>
      result?.labels.every(({ label, score }) => Math.abs(score - (scores.get(label) ?? 9)) < MOST_APART) ?? false;
    requests.push({ path: "/v1/classify", body: { images: [image], labels: LABELS }, isRight: areScores });
    const { cls } = await dino.encodeImage(path);
    const areFeatures = ({ results: [result] }: Features) => areClose(result?.cls, cls.data, 10 * MOST_APART);
    requests.push({ path: "/v1/features", body: { images: [image] }, isRight: areFeatures });
    using scene = await sam.encodeImage(path);
    const points = [{ x: scene.width / 2, y: scene.height / 2 }];
    const [mask] = await scene.predict({ points, multimask: false });
    const isMask = ({ masks: [got] }: Segmented) =>
      got !== undefined && iou(decodeRle(fromCocoRle(got.segmentation)).data, mask?.mask ?? []) >= LEAST_IOU;
    requests.push({ path: "/v1/segment", body: { image, points, multimask: false }, isRight: isMask });
  }
  for (const label of LABELS) {
    const embedding = (await clip.encodeText(`a photo of a ${label}`)).data;
    const isEmbedding = ({ data }: Embeddings) => areClose(data[0]?.embedding, embedding);
    requests.push({ path: "/v1/embeddings", body: { input: `a photo of a ${label}` }, isRight: isEmbedding });
  }
  for (const model of [clip, dino, sam]) model.dispose();
  const { description } = device.info;
  device.destroy();
  return { requests, adapter: description };
}

interface Embeddings {
  readonly data: readonly { readonly embedding: readonly number[] }[];
}

interface Labelled {
  readonly results: readonly { readonly labels: readonly { readonly label: string; readonly score: number }[] }[];
}

interface Features {
  readonly results: readonly { readonly cls: readonly number[] }[];
}

interface Segmented {
  readonly masks: readonly { readonly segmentation: Parameters<typeof fromCocoRle>[0] }[];
}

function areClose(got: readonly number[] | undefined, expected: Float32Array, most = MOST_APART): boolean {
  return got?.length === expected.length && got.every((value, i) => Math.abs(value - (expected[i] ?? 9)) < most);
}

function iou(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [both, either] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    both += a[i] && b[i] ? 1 : 0;
    either += a[i] || b[i] ? 1 : 0;
  }
  return either === 0 ? 1 : both / either;
}

interface Running {
  readonly child: ChildProcess;
  readonly address: string;
  readonly exit: Promise<number | null>;
}

/** `webgpu-vision serve` as a process of its own. */
async function startServer(args: readonly string[]): Promise<Running> {
  const command = [await bundleForNode("src/cli/main.ts"), "serve", "--port", "0", "--json", ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  const line = await new Promise<string>((resolve) => child.stdout.once("data", (bytes) => resolve(String(bytes))));
  return { child, address: JSON.parse(line).address, exit };
}

/** Asks for one thing after another until the time is over. */
async function load(clients: number, seconds: number): Promise<Tally> {
  const tally: Tally = { ms: [], statuses: new Map(), wrong: 0, seconds };
  const began = performance.now();
  const isOver = () => performance.now() - began > seconds * 1000;
  const client = async (first: number) => {
    // Each goes through the requests in an order of its own.
    for (let i = first; !isOver(); i += 7) await ask(requests[i % requests.length] as Asked, tally);
  };
  await Promise.all(Array.from({ length: clients }, (_, i) => client(i)));
  tally.seconds = (performance.now() - began) / 1000;
  return tally;
}

async function ask({ path, body, isRight }: Asked, tally: Tally): Promise<void> {
  const began = performance.now();
  const count = (status: string) => tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch(server.address + path, { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await response.json();
    count(String(response.status));
    if (response.status === 200) {
      tally.ms.push(performance.now() - began);
      if (!isRight(answer as never)) tally.wrong++;
    } else if (response.status === 429) {
      // A client that is told to come again does so, here rather sooner.
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } catch (error) {
    count(`failed: ${(error as Error & { cause?: NodeJS.ErrnoException }).cause?.code ?? error}`);
  }
}

/** Whether anything came but answers and requests to come again. */
function failed(statuses: ReadonlyMap<string, number>): boolean {
  return [...statuses.keys()].some((status) => status !== "200" && status !== "429");
}

/** SIGTERM while requests are under way: those that were accepted are answered, and the process ends with 0. */
async function loadAndTerminate() {
  const tally: Tally = { ms: [], statuses: new Map(), wrong: 0, seconds: 0 };
  const asked = Array.from({ length: options.clients }, (_, i) => ask(requests[i % requests.length] as Asked, tally));
  while ((await measure(server, "webgpu_vision_requests_accepted")) < options.clients / 2) {}
  const accepted = await measure(server, "webgpu_vision_requests_accepted");
  server.child.kill("SIGTERM");
  await Promise.all(asked);
  const code = await server.exit;
  const answered = tally.statuses.get("200") ?? 0;
  return {
    code,
    accepted,
    answered,
    statuses: tally.statuses,
    isRight: code === 0 && answered >= accepted && tally.wrong === 0,
  };
}

async function measure({ address }: Running, name: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

async function memoryOf(running: Running) {
  const [gpu, rss, heap, batches, items] = await Promise.all(
    [
      "webgpu_vision_gpu_bytes",
      "process_resident_memory_bytes",
      "nodejs_heap_size_used_bytes",
      "webgpu_vision_batch_items_count",
      "webgpu_vision_batch_items_sum",
    ].map((name) => measure(running, name)),
  );
  return { gpu, rss, heap, batches, items } as Record<"gpu" | "rss" | "heap" | "batches" | "items", number>;
}

function report(): string {
  const rows = tallies.map(([what, { ms, statuses, wrong, seconds }]) => [
    what,
    String(ms.length),
    (ms.length / seconds).toFixed(1),
    ...[0.5, 0.9, 0.99].map((p) => `${quantile(ms, p).toFixed(0)} ms`),
    String(wrong),
    [...statuses].map(([status, count]) => `${status}: ${count}`).join(", "),
  ]);
  const head = ["load", "answers", "a second", "median", "90 %", "99 %", "wrong", "statuses"];
  const perRun = (after.items - before.items) / (after.batches - before.batches);
  const [first, second] = [before, after].map(({ gpu, rss, heap }) =>
    [gpu, rss, heap].map((bytes) => short(bytes, "B")).join(", "),
  );
  const statuses = [...ended.statuses].map(([status, count]) => `${status}: ${count}`).join(", ");
  return [
    `${adapter}, ${cpus().length} cores, the clients on the same ones; tiny-clip, tiny-dino and tiny-sam in one server`,
    table([head, ...rows], "lrrrrrrl"),
    `items in a run under load: ${perRun.toFixed(2)}`,
    `GPU, resident, heap before the load: ${first}; after it: ${second}`,
    `SIGTERM with ${ended.accepted} accepted: ${statuses}; exit code ${ended.code}`,
    "",
  ].join("\n\n");
}
