// Where a point of one picture lies in another: the maps between a picture, its crops, SAM's padded square, grids of
// patches and drawings, as 3x3 matrices in float64 (wgpu-matrix: mat3d). Functions are named source to target; for the
// way back take the inverse, and for one map after another the product.
import { mat3d, vec3d } from "wgpu-matrix";

/**
 * The three columns of a matrix, each padded to four numbers, for homogeneous coordinates: it takes [x, y, 1] to
 * [x' w, y' w, w].
 */
export type Affine = Float64Array;

/** From the left and from the top. */
export type Point = readonly [x: number, y: number];

/** Left, top, right, bottom. */
type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/** Pixels across and down. */
interface Size {
  readonly width: number;
  readonly height: number;
}

/** Where the map takes a point. */
export function transformPoint(map: Affine, [x, y]: Point): Point {
  const [mappedX = 0, mappedY = 0, w = 1] = vec3d.transformMat3([x, y, 1], map);
  return [mappedX / w, mappedY / w];
}

/** Where the map takes a box: maps here move and scale, so that its corners stay its corners. */
export function transformBox(map: Affine, [x0, y0, x1, y1]: Box): Box {
  return [...transformPoint(map, [x0, y0]), ...transformPoint(map, [x1, y1])];
}

/**
 * A picture that is resized, to another width and height. The scales are fractions of a common denominator, whole
 * numbers all: the matrix is exact, and a pixel's place is rounded once, by the division.
 */
export function resizing(from: Size, to: Size): Affine {
  const [scaleX, scaleY] = [to.width * from.height, to.height * from.width];
  return mat3d.create(scaleX, 0, 0, 0, scaleY, 0, 0, 0, from.width * from.height);
}

/** A crop, in pixels of the picture, to the picture that it was taken from. */
export function cropToPicture([left, top]: Box): Affine {
  return mat3d.translation([left, top]);
}

/** The unit square to a crop: where everything mode's grid of points lies in it. */
export function unitSquareToCrop([x0, y0, x1, y1]: Box): Affine {
  return mat3d.scaling([x1 - x0, y1 - y0]);
}

/** Patches, as [column, row] of their grid, to their centres in the picture. */
export function patchToPicture([rows, columns]: readonly [rows: number, columns: number], picture: Size): Affine {
  return mat3d.multiply(resizing({ width: columns, height: rows }, picture), mat3d.translation([0.5, 0.5]));
}

/** A picture to a drawing in which it stands resized, its upper left corner at [left, top]. */
export function pictureToDrawing(picture: Size, resized: Size, [left, top]: Point): Affine {
  return mat3d.multiply(mat3d.translation([left, top]), resizing(picture, resized));
}
