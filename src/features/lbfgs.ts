// Limited-memory BFGS in float64 (Nocedal and Wright, Numerical Optimization, algorithm 7.4), for smooth functions
// whose values come with a little noise, as sums in f32 on a GPU do.
export interface Evaluation {
  readonly value: number;
  readonly gradient: Float64Array;
}

export interface MinimizeOptions {
  readonly maxIterations: number;
  /** Stop when no component of the gradient is larger. */
  readonly tolerance: number;
  readonly onIteration?: (iteration: number, at: Evaluation) => void;
}

interface Point extends Evaluation {
  readonly x: Float64Array;
}

/** A past step and the change of the gradient along it. */
interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly sy: number;
}

type Evaluate = (x: Float64Array) => Promise<Evaluation>;

const MEMORY = 10;
const MOST_TRIALS = 30;
// Steps without a gain beyond the noise after which its floor is reached.
const PATIENCE = 20;
// Relative change of the value that may be noise: a few units in the last place of f32.
const NOISE = 3e-7;
// Wolfe's conditions: sufficient decrease, and slope.
const DECREASE = 1e-4;
const SLOPE = 0.9;

/** Minimises from a start; ends at the tolerance, after maxIterations, or where noise hides what a step gains. */
export async function minimize(
  evaluate: Evaluate,
  start: Float64Array,
  options: MinimizeOptions,
): Promise<Float64Array> {
  let point: Point = { x: start, ...(await evaluate(start)) };
  const pairs: Pair[] = [];
  let best = point;
  let idle = 0;
  for (let iteration = 1; iteration <= options.maxIterations; iteration++) {
    if (largest(point.gradient) <= options.tolerance || idle >= PATIENCE) break;
    const direction = descent(point.gradient, pairs);
    const first = pairs.length ? 1 : 1 / Math.max(1, Math.sqrt(dot(direction, direction)));
    const next = await lineSearch(evaluate, point, direction, first);
    if (!next) {
      // The history may be noise itself: once more along the gradient, then it is the floor.
      if (pairs.length === 0) break;
      pairs.length = 0;
      continue;
    }
    const s = next.x.map((value, i) => value - (point.x[i] as number));
    const y = next.gradient.map((value, i) => value - (point.gradient[i] as number));
    const sy = dot(s, y);
    if (sy > 1e-12 * dot(y, y)) pairs.push({ s, y, sy });
    if (pairs.length > MEMORY) pairs.shift();
    point = next;
    options.onIteration?.(iteration, point);
    idle = isGain(best, point) ? 0 : idle + 1;
    if (idle === 0) best = point;
  }
  return best.x;
}

/** A value lower by more than the noise, or about as low with a smaller gradient. */
function isGain(from: Point, to: Point): boolean {
  const noise = NOISE * Math.abs(from.value);
  if (to.value < from.value - noise) return true;
  return to.value <= from.value + noise && largest(to.gradient) < 0.9 * largest(from.gradient);
}

/** The two-loop recursion: minus the inverse Hessian, as the pairs tell it, times the gradient. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const q = gradient.map((value) => -value);
  const alphas: number[] = [];
  for (const { s, y, sy } of [...pairs].reverse()) {
    const alpha = dot(s, q) / sy;
    alphas.unshift(alpha);
    add(q, -alpha, y);
  }
  const last = pairs.at(-1);
  if (last) {
    const gamma = last.sy / dot(last.y, last.y);
    q.forEach((value, i) => {
      q[i] = value * gamma;
    });
  }
  pairs.forEach(({ s, y, sy }, i) => {
    add(q, (alphas[i] as number) - dot(y, q) / sy, s);
  });
  return q;
}

/** A step that meets Wolfe's weak conditions, by bisection (Lewis and Overton, 2013); undefined when none is found. */
async function lineSearch(
  evaluate: Evaluate,
  from: Point,
  direction: Float64Array,
  first: number,
): Promise<Point | undefined> {
  const slope = dot(from.gradient, direction);
  if (!(slope < 0)) return undefined;
  const noise = NOISE * Math.abs(from.value);
  let [low, high, step] = [0, Number.POSITIVE_INFINITY, first];
  for (let trial = 0; trial < MOST_TRIALS; trial++) {
    const x = from.x.map((value, i) => value + step * (direction[i] as number));
    const at = await evaluate(x);
    if (!(at.value <= from.value + DECREASE * step * slope + noise)) high = step;
    else if (dot(at.gradient, direction) < SLOPE * slope) low = step;
    else return { x, ...at };
    step = high < Number.POSITIVE_INFINITY ? (low + high) / 2 : 2 * low;
  }
  return undefined;
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function add(to: Float64Array, factor: number, values: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + factor * (values[i] as number);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
