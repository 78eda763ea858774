// A grid in another size (torch.nn.functional.interpolate with align_corners=False), channels last: position embeddings
// for other picture sizes, masks.
import invocationSource from "../../shaders/lib/invocation.wgsl";
import wordsSource from "../../shaders/lib/words.wgsl";
import { ArgumentError, ShapeError } from "../device/errors.ts";
import { formatShape, type Spec, sizeOf } from "../device/tensor.ts";
import { expectFloat, flatWorkgroups, wordsOf } from "./axes.ts";
import { defineKernel } from "./kernel.ts";
import type { LazySource } from "./launch.ts";

export interface InterpolateParams {
  /** The filter. */
  readonly mode: "bilinear" | "bicubic";
  /** [height, width] of the result; either this or scaleFactor. */
  readonly size?: readonly [number, number];
  /** [height, width] factors: the result is floor(size * factor), sampled in steps of exactly 1 / factor. */
  readonly scaleFactor?: readonly [number, number];
  /** Widen the filter where the grid shrinks, as Pillow does; false when absent. */
  readonly antialias?: boolean;
  /** [height, width] of x [..., height * width, C]; absent where x is [..., height, width, C]. */
  readonly grid?: readonly [number, number];
  /** The part of the result that is made, 0 where it reaches beyond the result; all of it when absent. */
  readonly window?: InterpolateWindow;
}

/** In places of the result; `top` and `left` may be negative. */
export interface InterpolateWindow {
  /** First row. */
  readonly top: number;
  /** First column. */
  readonly left: number;
  /** Rows. */
  readonly height: number;
  /** Columns. */
  readonly width: number;
}

interface Sizes {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly window: InterpolateWindow;
  readonly cols: number;
}

function sizes({ shape }: Spec, { grid, size, scaleFactor = [1, 1], ...params }: InterpolateParams): Sizes {
  const [height = 0, width = 0] = grid ?? shape.slice(-3, -1);
  const [outHeight, outWidth] = size ?? [Math.floor(height * scaleFactor[0]), Math.floor(width * scaleFactor[1])];
  const batch = sizeOf(shape.slice(0, grid ? -2 : -3));
  const window = params.window ?? { top: 0, left: 0, height: outHeight, width: outWidth };
  return { batch, height, width, outHeight, outWidth, window, cols: shape.at(-1) ?? 0 };
}

function result(x: Spec, params: InterpolateParams): Spec {
  const { window, cols } = sizes(x, params);
  const places = params.grid ? [window.height * window.width] : [window.height, window.width];
  return { dtype: x.dtype, shape: [...x.shape.slice(0, params.grid ? -2 : -3), ...places, cols] };
}

function check(x: Spec, params: InterpolateParams): void {
  const { grid, size, scaleFactor } = params;
  const shape = formatShape(x.shape);
  expectFloat("interpolate", "x", x);
  if (!size === !scaleFactor) throw new ArgumentError("[interpolate] give either size or scaleFactor");
  if (x.shape.length < (grid ? 2 : 3)) {
    throw new ShapeError(
      `[interpolate] x has shape ${shape}, expected ${grid ? "[height * width, C]" : "[height, width, C]"}`,
    );
  }
  if (grid && grid[0] * grid[1] !== x.shape.at(-2)) {
    throw new ShapeError(`[interpolate] x ${shape} does not hold a grid of ${grid[0]} by ${grid[1]}`);
  }
  const { height, width, outHeight, outWidth, window } = sizes(x, params);
  if (![height, width, outHeight, outWidth].every((n) => Number.isInteger(n) && n > 0)) {
    throw new ShapeError(
      `[interpolate] from ${height} by ${width} to ${outHeight} by ${outWidth}: expected whole numbers from 1`,
    );
  }
  if (!Object.values(window).every(Number.isInteger) || window.height < 1 || window.width < 1) {
    const { top, left } = window;
    throw new ArgumentError(
      `[interpolate] the window is ${window.height} x ${window.width} at ${top}, ${left}, expected whole numbers`,
    );
  }
}

// Loaded where it is launched: pictures of the size that the model was trained at need none.
const source: LazySource = () => import("../../shaders/interpolate.wgsl");

export const interpolate = /* @__PURE__ */ defineKernel<InterpolateParams>()({
  name: "interpolate",
  wgsl: [invocationSource, wordsSource, source],
  inputs: ["x"],
  params: {
    words: "u32",
    height: "u32",
    width: "u32",
    outHeight: "u32",
    outWidth: "u32",
    windowHeight: "u32",
    windowWidth: "u32",
    top: "i32",
    left: "i32",
    cols: "u32",
    scaleY: "f32",
    scaleX: "f32",
    stretchY: "f32",
    stretchX: "f32",
  },
  output: ({ x }, params) => {
    check(x, params);
    return result(x, params);
  },
  launch: ({ x }, params) => {
    const y = result(x, params);
    const { height, width, outHeight, outWidth, window, cols } = sizes(x, params);
    const { top, left, height: windowHeight, width: windowWidth } = window;
    const { mode, scaleFactor, antialias = false } = params;
    const scaleY = scaleFactor ? 1 / scaleFactor[0] : height / outHeight;
    const scaleX = scaleFactor ? 1 / scaleFactor[1] : width / outWidth;
    const [stretchY, stretchX] = antialias ? [Math.max(scaleY, 1), Math.max(scaleX, 1)] : [1, 1];
    return {
      params: {
        words: wordsOf(y),
        ...{ height, width, outHeight, outWidth, windowHeight, windowWidth, top, left, cols },
        ...{ scaleY, scaleX, stretchY, stretchX },
      },
      types: { Elem: x.dtype },
      overrides: {
        WIDE: cols % 4 === 0 ? 1 : 0,
        CUBIC: mode === "bicubic" ? 1 : 0,
        ANTIALIAS: antialias ? 1 : 0,
      },
      workgroups: flatWorkgroups(wordsOf(y)),
    };
  },
  flops: ({ x }, { mode, ...rest }) => (mode === "bicubic" ? 32 : 8) * sizeOf(result(x, { mode, ...rest }).shape),
});
