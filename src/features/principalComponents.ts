// The first principal components of feature rows, in float64: subspace iteration on the covariance with a Rayleigh-Ritz
// step (Golub and Van Loan, Matrix Computations, section 8.2). A full decomposition of 1024 channels would take minutes
// in JavaScript, and three components are all that a picture shows.
import type { Rows } from "./featureRows.ts";

export interface Components {
  /** [C] */
  readonly mean: number[];
  /** Directions of unit length, the one of largest variance first; zeros where there is no variance left. */
  readonly components: number[][];
}

// Vectors iterated beyond those asked for: convergence then depends on a much smaller variance.
const EXTRA = 8;
const MOST_ITERATIONS = 300;
const RESIDUAL = 1e-9;

/** The `wanted` first components of all rows together, signed so that the largest entry of each is positive. */
export function principalComponents(parts: readonly Rows[], wanted: number): Components {
  const channels = (parts[0] as Rows).channels;
  const mean = meanOf(parts, channels);
  const covariance = covarianceOf(parts, mean);
  const eigenvectors = largestEigenvectors(covariance, channels, wanted);
  const none = Array.from({ length: wanted - eigenvectors.length }, () => new Float64Array(channels));
  return { mean: [...mean], components: [...eigenvectors, ...none].map((vector) => [...signed(vector)]) };
}

/** scikit-learn's svd_flip with u_based_decision = False. */
function signed(vector: Float64Array): Float64Array {
  const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? vector.map((value) => -value) : vector;
}

function meanOf(parts: readonly Rows[], channels: number): Float64Array {
  const mean = new Float64Array(channels);
  let count = 0;
  for (const part of parts) {
    for (let i = 0; i < part.data.length; i++)
      mean[i % channels] = (mean[i % channels] as number) + (part.data[i] as number);
    count += part.count;
  }
  return mean.map((sum) => sum / count);
}

/**
 * Up to a factor, the full [C, C] covariance. Four rows at a time: each sum is then read and written a fourth as often.
 */
function covarianceOf(parts: readonly Rows[], mean: Float64Array): Float64Array {
  const channels = mean.length;
  const sum = new Float64Array(channels * channels);
  const block = Array.from({ length: 4 }, () => new Float64Array(channels));
  const [r0, r1, r2, r3] = block as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (const { data, count } of parts) {
    for (let first = 0; first < count; first += 4) {
      block.forEach((row, r) => {
        const from = (first + r) * channels;
        for (let c = 0; c < channels; c++) {
          row[c] = first + r < count ? (data[from + c] as number) - (mean[c] as number) : 0;
        }
      });
      for (let i = 0; i < channels; i++) {
        const [v0, v1, v2, v3] = [r0[i], r1[i], r2[i], r3[i]] as [number, number, number, number];
        for (let j = i, at = i * channels + i; j < channels; j++, at++) {
          const added =
            v0 * (r0[j] as number) + v1 * (r1[j] as number) + v2 * (r2[j] as number) + v3 * (r3[j] as number);
          sum[at] = (sum[at] as number) + added;
        }
      }
    }
  }
  for (let i = 0; i < channels; i++) {
    for (let j = 0; j < i; j++) sum[i * channels + j] = sum[j * channels + i] as number;
  }
  return sum;
}

/** Eigenvectors of a symmetric positive matrix, largest eigenvalue first; fewer when the rest are zero. */
function largestEigenvectors(matrix: Float64Array, size: number, wanted: number): Float64Array[] {
  const width = Math.min(size, wanted + EXTRA);
  let basis = orthonormal(Array.from({ length: width }, (_, i) => scattered(size, i)));
  for (let iteration = 1; ; iteration++) {
    const images = basis.map((vector) => product(matrix, vector));
    const projected = basis.map((vector) => images.map((image) => dot(vector, image)));
    const { values, vectors } = symmetricEigen(projected);
    const ritz = vectors.map((weights) => combine(basis, weights));
    const ritzImages = vectors.map((weights) => combine(images, weights));
    const largest = values[0] ?? 0;
    const kept = values.slice(0, wanted).filter((value) => value > largest * 1e-12 && value > 0).length;
    const residual = Math.max(
      0,
      ...ritz.slice(0, kept).map((vector, i) => {
        const image = ritzImages[i] as Float64Array;
        return Math.hypot(...image.map((value, c) => value - (values[i] as number) * (vector[c] as number)));
      }),
    );
    if (residual <= RESIDUAL * largest || iteration === MOST_ITERATIONS) return ritz.slice(0, kept);
    basis = orthonormal(ritzImages);
  }
}

/** A start vector: the same each time, and pseudo-random so that no real data is orthogonal to it. */
function scattered(size: number, seed: number): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => {
    const x = Math.sin((i + 1) * 12.9898 + (seed + 1) * 78.233) * 43758.5453;
    return x - Math.floor(x) - 0.5;
  });
}

/** Gram-Schmidt, twice over for accuracy; what is not independent is left out. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    const length = Math.hypot(...vector);
    if (!(length > 0)) continue;
    let rest = vector.map((value) => value / length);
    for (let pass = 0; pass < 2; pass++) {
      for (const other of basis) {
        const along = dot(rest, other);
        rest = rest.map((value, c) => value - along * (other[c] as number));
      }
    }
    const left = Math.hypot(...rest);
    if (left > 1e-10) basis.push(rest.map((value) => value / left));
  }
  return basis;
}

/** All eigenvalues and eigenvectors of a small symmetric matrix, largest first, by Jacobi's rotations. */
function symmetricEigen(matrix: readonly number[][]): { values: number[]; vectors: number[][] } {
  const size = matrix.length;
  const a = matrix.map((row) => [...row]);
  const vectors = a.map((_, i) => Array.from({ length: size }, (_, j) => (i === j ? 1 : 0)));
  const at = (i: number, j: number) => (a[i] as number[])[j] as number;
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        off = Math.max(off, Math.abs(at(p, q)) / (Math.sqrt(Math.abs(at(p, p) * at(q, q))) || 1));
        if (at(p, q) === 0) continue;
        const theta = (at(q, q) - at(p, p)) / (2 * at(p, q));
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const cosine = 1 / Math.hypot(t, 1);
        for (const row of a) rotate(row, p, q, cosine, t * cosine);
        rotateRows(a, p, q, cosine, t * cosine);
        rotateRows(vectors, p, q, cosine, t * cosine);
      }
    }
    if (off < 1e-15) break;
  }
  const order = a.map((_, i) => i).sort((i, j) => at(j, j) - at(i, i));
  return { values: order.map((i) => at(i, i)), vectors: order.map((i) => vectors[i] as number[]) };
}

function rotate(row: number[], p: number, q: number, cosine: number, sine: number): void {
  const [x, y] = [row[p] as number, row[q] as number];
  row[p] = cosine * x - sine * y;
  row[q] = sine * x + cosine * y;
}

function rotateRows(rows: number[][], p: number, q: number, cosine: number, sine: number): void {
  const [x, y] = [rows[p] as number[], rows[q] as number[]];
  rows[p] = x.map((value, i) => cosine * value - sine * (y[i] as number));
  rows[q] = x.map((value, i) => sine * value + cosine * (y[i] as number));
}

function product(matrix: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  return vector.map((_, i) => dot(matrix.subarray(i * size, (i + 1) * size), vector));
}

function combine(vectors: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const sum = new Float64Array((vectors[0] as Float64Array).length);
  vectors.forEach((vector, i) => {
    for (let c = 0; c < sum.length; c++) sum[c] = (sum[c] as number) + (weights[i] as number) * (vector[c] as number);
  });
  return sum;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
