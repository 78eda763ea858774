// Runs a contest: the sides take turns on new inputs, in changing order, and their results are compared in each round.
import type { Device } from "../src/device/device.ts";
import { type Spread, spread } from "../src/verify/timing/measure.ts";
import type { Contest } from "./contests.ts";
import { type ContestFiles, ourSide, type Side } from "./sides.ts";

export interface SideResult {
  readonly name: string;
  /** Milliseconds from inputs on the host to the result on the host; absent when it failed. */
  readonly ms?: Spread;
  /** Largest difference to ours in any round, as a share of the largest value. */
  readonly difference?: number;
  /** Whether every operator ran on the GPU. */
  readonly allOnGpu?: boolean;
  /** Why it has no time. */
  readonly error?: string;
}

export interface ContestResult {
  readonly name: string;
  readonly what: string;
  readonly flops: number;
  readonly adapter: string;
  /** Ours, then the peers. */
  readonly sides: readonly SideResult[];
  /** Where no peer agrees with ours: our difference to the referee. */
  readonly toReferee?: number;
  /** The best peer's median over ours: above 1, ours is faster. A peer whose result is off does not count. */
  readonly ratio?: number;
}

/** Largest difference, as a share of the largest value, at which two results count as equal. */
export const TOLERANCE = 1e-3;

/** A peer that may take part. */
export interface Peer {
  readonly name: string;
  open(contest: Contest): Promise<Side & { readonly allOnGpu?: boolean }>;
}

export interface ContestOptions {
  readonly rounds: number;
  /** Opens our device; destroyed at the end. */
  readonly open: () => Promise<Device>;
  readonly onProgress?: (text: string) => void;
  /** Of contests that take minutes on a CPU adapter; without it they are run once, and not warmed up. */
  readonly largeRounds?: number | undefined;
  /** Says who is right when no peer agrees with ours: the peer's engine without WebGPU. */
  readonly referee?: Peer;
}

/** A side that takes part, with its times and differences so far. */
interface Entrant {
  readonly name: string;
  readonly side?: Side & { readonly allOnGpu?: boolean };
  readonly ms: number[];
  difference: number;
  error?: string;
}

export async function runContest(
  contest: Contest,
  files: ContestFiles,
  peers: readonly Peer[],
  { rounds, largeRounds, open, onProgress, referee }: ContestOptions,
): Promise<ContestResult> {
  onProgress?.(`${contest.what}: loading`);
  const ours = await ourSide(contest, files, open);
  const entrants: Entrant[] = [{ name: "webgpu-vision", side: ours, ms: [], difference: 0 }];
  try {
    for (const peer of peers) entrants.push(await enter(peer, contest));
    const counted = contest.isLarge ? largeRounds : rounds;
    const [first, last] = counted === undefined ? [1, 1] : [0, counted];
    for (let round = first; round <= last; round++) {
      await playRound(contest, entrants, round);
      onProgress?.(`${contest.what}: round ${round} of ${last}`);
    }
    const adapter = ours.device.info.description || ours.device.info.architecture;
    const result = resultOf(contest, ours.flops, adapter, entrants);
    if (!referee || !isAlone(result)) return result;
    onProgress?.(`${contest.what}: asking the referee`);
    return { ...result, toReferee: await judge(contest, ours, referee) };
  } finally {
    for (const { side } of entrants) await side?.close();
  }
}

async function enter(peer: Peer, contest: Contest): Promise<Entrant> {
  const empty = { name: peer.name, ms: [], difference: 0 };
  try {
    return { ...empty, side: await peer.open(contest) };
  } catch (error) {
    return { ...empty, error: messageOf(error) };
  }
}

/** Round 0 warms up and is not counted; its results are compared like the others'. */
async function playRound(contest: Contest, entrants: readonly Entrant[], round: number): Promise<void> {
  const inputs = contest.inputs(round + 1);
  const results = new Map<Entrant, readonly Float32Array[]>();
  const order = entrants.filter(({ side, error }) => side && error === undefined);
  for (const entrant of round % 2 ? order.reverse() : order) {
    const side = entrant.side as Side;
    const prepared = side.prepare(inputs) as never;
    const start = performance.now();
    try {
      const result = await side.run(prepared);
      if (round > 0) entrant.ms.push(performance.now() - start);
      results.set(entrant, side.arrange(result));
    } catch (error) {
      if (entrant === entrants[0]) throw error;
      entrant.error = messageOf(error);
    }
  }
  const [ours, ...peers] = entrants;
  const ourResults = results.get(ours as Entrant) as readonly Float32Array[];
  if (!ourResults.every((result) => result.every(Number.isFinite)))
    throw new Error(`${contest.what}: our result has values that are not finite`);
  for (const peer of peers) {
    const got = results.get(peer);
    if (got) peer.difference = Math.max(peer.difference, worstDifference(ourResults, got));
  }
}

function resultOf({ name, what }: Contest, flops: number, adapter: string, entrants: readonly Entrant[]) {
  const sides = entrants.map(({ name, side, ms, difference, error }, i): SideResult => {
    if (error !== undefined) return { name, error };
    const allOnGpu = side?.allOnGpu;
    return { name, ms: spread(ms), ...(i > 0 && { difference }), ...(allOnGpu !== undefined && { allOnGpu }) };
  });
  const [ours, ...peers] = sides;
  const right = peers.filter(({ ms, difference = 0 }) => ms && difference <= TOLERANCE);
  const result: ContestResult = { name, what, flops, adapter, sides };
  if (right.length === 0) return result;
  const best = Math.min(...right.map(({ ms }) => ms?.median as number));
  return { ...result, ratio: best / (ours?.ms?.median as number) };
}

/** Whether peers gave results, and none of them agrees with ours. */
export function isAlone({ sides }: ContestResult): boolean {
  const differences = sides.flatMap(({ difference, ms }) => (ms && difference !== undefined ? [difference] : []));
  return differences.length > 0 && Math.min(...differences) > TOLERANCE;
}

async function judge(contest: Contest, ours: Side, referee: Peer): Promise<number> {
  const side = await referee.open(contest);
  try {
    const inputs = contest.inputs(1);
    const got = ours.arrange(await ours.run(ours.prepare(inputs) as never));
    return worstDifference(got, await side.run(side.prepare(inputs) as never));
  } finally {
    await side.close();
  }
}

/** The worst of all results, each by its own largest value. */
function worstDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Math.max(...a.map((result, i) => differenceOf(result, b[i] as Float32Array)));
}

/** The largest difference as a share of b's largest value. */
export function differenceOf(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [worst, largest] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const error = Math.abs((a[i] as number) - (b[i] as number));
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error);
    largest = Math.max(largest, Math.abs(b[i] as number));
  }
  return worst / largest;
}

/** The first line of what a peer threw, without the folders of this machine. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // ONNX Runtime names the file and the condition that failed before it says why.
  const line = text.split("\n")[0]?.split(" was false. ").at(-1) ?? "";
  return line.replace(/(?:[A-Za-z]:)?[\\/][^\s:]*[\\/]/g, "").slice(0, 300);
}
