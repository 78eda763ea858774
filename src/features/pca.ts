// Patches as colours: the first three principal components of their features become red, green and blue, as in DINOv2's
// figures (Oquab et al., 2023, figure 1; recipe in facebookresearch/dinov2 issues 23 and 45).
import { ArgumentError } from "../device/errors.ts";
import { checkChannels, type PatchFeatures, patchRows, type Rows } from "./featureRows.ts";
import { principalComponents } from "./principalComponents.ts";

/** Options of `pca`. */
export interface PcaOptions {
  /** Colours of an earlier call, so that the same thing has the same colour in other pictures. */
  readonly basis?: PcaBasis;
  /**
   * Which patches are coloured, by the first component of all: "high" or "low" scores, or all ("none", default). Which
   * side shows the subject depends on the picture: look at both.
   */
  readonly foreground?: "none" | "high" | "low";
  /** Where the first component is cut, between its least (0) and greatest (1) score; 0.5 when absent. */
  readonly threshold?: number;
}

/** What colours are made with: plain data, so that it can be stored as JSON or sent to a worker. */
export interface PcaBasis {
  /** [C] */
  readonly mean: readonly number[];
  /** Red, green and blue: three directions [C]. */
  readonly components: readonly (readonly number[])[];
  /** Scores that become 0 and 255 in each colour. */
  readonly minimum: readonly number[];
  /** See `minimum`. */
  readonly maximum: readonly number[];
  /** How the foreground is told, when it was. */
  readonly foreground?: PcaForeground;
}

/** How a patch of the foreground is told: by its score along the first component. */
export interface PcaForeground {
  /** [C] */
  readonly mean: readonly number[];
  /** Direction [C] of the first component. */
  readonly component: readonly number[];
  /** The least score of the pictures it was made from. */
  readonly minimum: number;
  /** The greatest score. */
  readonly maximum: number;
  /** The side of the threshold that is the foreground. */
  readonly side: "high" | "low";
  /** Between the least (0) and the greatest (1) score. */
  readonly threshold: number;
}

/** The patches of one picture as colours. */
export interface PcaPicture {
  /** Patches across and down. */
  readonly width: number;
  /** Patches down. */
  readonly height: number;
  /** [height * width * 3], black in the background. */
  readonly rgb: Uint8Array;
  /** [height * width], 1 in the foreground. */
  readonly foreground: Uint8Array;
}

/** What `pca` gives. */
export interface PcaResult {
  /** One for each picture, in order. */
  readonly pictures: PcaPicture[];
  /** To give the same colours to further pictures. */
  readonly basis: PcaBasis;
}

/**
 * Colours the patches of one picture, or of several with one set of colours.
 *
 * @throws ArgumentError for an empty list, features of several pictures in one, of different models or with NaN, or a
 * basis that does not fit them.
 * @example
 * const { pictures, basis } = pca([await dino.encodeImage("a.jpg"), await dino.encodeImage("b.jpg")]);
 * const other = pca(await dino.encodeImage("c.jpg"), { basis }).pictures[0];
 */
export function pca(features: PatchFeatures | readonly PatchFeatures[], options: PcaOptions = {}): PcaResult {
  const list = (Array.isArray(features) ? features : [features]) as readonly PatchFeatures[];
  if (list.length === 0) throw new ArgumentError("[pca] got an empty list, expected features of at least one picture");
  const rows = list.map((one) => patchRows("pca", one));
  for (const other of rows) checkChannels("pca", other, rows[0] as Rows);
  const basis = options.basis ? checked(options, (rows[0] as Rows).channels) : fitBasis(rows, options);
  const pictures = list.map(({ grid: [height, width] }, i) => paint(rows[i] as Rows, width, height, basis));
  return { pictures, basis };
}

function checked({ basis, foreground, threshold }: PcaOptions, channels: number): PcaBasis {
  if (foreground !== undefined || threshold !== undefined) {
    throw new ArgumentError("[pca] the basis brings its foreground and threshold: leave these options out");
  }
  const { mean, components, minimum, maximum, foreground: side } = basis as PcaBasis;
  const vectors = [mean, ...(components ?? []), ...(side ? [side.mean, side.component] : [])];
  const wrong = vectors.find((vector) => vector?.length !== channels);
  if (wrong || components?.length !== 3 || minimum?.length !== 3 || maximum?.length !== 3) {
    throw new ArgumentError(
      `[pca] the basis is not of features with ${channels} channels: give the basis of an earlier call, same model`,
    );
  }
  return basis as PcaBasis;
}

function fitBasis(rows: readonly Rows[], { foreground = "none", threshold = 0.5 }: PcaOptions): PcaBasis {
  if (foreground === "none") return colours(rows);
  if (foreground !== "high" && foreground !== "low") {
    throw new ArgumentError(`[pca] foreground is ${JSON.stringify(foreground)}, expected "none", "high" or "low"`);
  }
  if (!(threshold > 0 && threshold < 1)) {
    throw new ArgumentError(`[pca] threshold is ${threshold}, expected a number between 0 and 1`);
  }
  const { mean, components } = principalComponents(rows, 1);
  const component = components[0] as number[];
  const [minimum, maximum] = extent(rows.map((part) => project(part, mean, component)));
  const foregroundSide: PcaForeground = { mean, component, minimum, maximum, side: foreground, threshold };
  const chosen = rows.map((part) => select(part, foregroundOf(part, foregroundSide))).filter(({ count }) => count > 0);
  if (chosen.length === 0) throw new ArgumentError("[pca] the patches are all alike: there is no foreground to find");
  return { ...colours(chosen), foreground: foregroundSide };
}

function colours(rows: readonly Rows[]): PcaBasis {
  const { mean, components } = principalComponents(rows, 3);
  const extents = components.map((component) => extent(rows.map((part) => project(part, mean, component))));
  return { mean, components, minimum: extents.map(([least]) => least), maximum: extents.map(([, most]) => most) };
}

function paint(rows: Rows, width: number, height: number, basis: PcaBasis): PcaPicture {
  const foreground = basis.foreground ? foregroundOf(rows, basis.foreground) : new Uint8Array(rows.count).fill(1);
  const rgb = new Uint8Array(rows.count * 3);
  basis.components.forEach((component, colour) => {
    const scores = project(rows, basis.mean, component);
    const scaled = scale(scores, basis.minimum[colour] as number, basis.maximum[colour] as number);
    for (let i = 0; i < rows.count; i++) {
      if (foreground[i]) rgb[i * 3 + colour] = Math.round(255 * Math.min(1, Math.max(0, scaled[i] as number)));
    }
  });
  return { width, height, rgb, foreground };
}

function foregroundOf(rows: Rows, { mean, component, minimum, maximum, side, threshold }: PcaForeground): Uint8Array {
  const scores = scale(project(rows, mean, component), minimum, maximum);
  return Uint8Array.from(scores, (score) => Number(side === "high" ? score > threshold : score < threshold));
}

function project({ data, count, channels }: Rows, mean: readonly number[], component: readonly number[]): Float64Array {
  const scores = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) {
      sum += ((data[row * channels + c] as number) - (mean[c] as number)) * (component[c] as number);
    }
    scores[row] = sum;
  }
  return scores;
}

function extent(parts: readonly Float64Array[]): [least: number, most: number] {
  const least = (values: Float64Array) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return [Math.min(...parts.map(least)), Math.max(...parts.map(most))];
}

/** To 0..1; all 0 where there is no extent. */
function scale(scores: Float64Array, minimum: number, maximum: number): Float64Array {
  const range = maximum - minimum;
  return scores.map((score) => (range > 0 ? (score - minimum) / range : 0));
}

function select({ data, channels }: Rows, mask: Uint8Array): Rows {
  const kept = Array.from(mask.keys()).filter((i) => mask[i]);
  const out = new Float32Array(kept.length * channels);
  kept.forEach((row, i) => {
    out.set(data.subarray(row * channels, (row + 1) * channels), i * channels);
  });
  return { data: out, count: kept.length, channels };
}
