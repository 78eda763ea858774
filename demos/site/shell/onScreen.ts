// Where a page shows a picture, or a grid of cells: 3x3 matrices in float64 (wgpu-matrix) from its pixels or cells to
// pixels of an element.
import { mat3d, vec2d } from "wgpu-matrix";

/** Of a picture in pixels, or of a grid in cells. */
interface Size {
  readonly width: number;
  readonly height: number;
}

/** A picture that fills an element. */
export function pictureToElement({ width, height }: Size, element: Element): Float64Array {
  const box = element.getBoundingClientRect();
  return mat3d.scaling([Math.max(1, box.width) / width, Math.max(1, box.height) / height]);
}

/** The point of a picture under a pointer, given the matrix that shows the picture in the element. */
export function pointerToPicture(
  { clientX, clientY }: Pick<MouseEvent, "clientX" | "clientY">,
  element: Element,
  toElement: Float64Array,
): readonly [x: number, y: number] {
  const { left, top } = element.getBoundingClientRect();
  const [x = 0, y = 0] = vec2d.transformMat3([clientX - left, clientY - top], mat3d.inverse(toElement));
  return [x, y];
}

/** The matrix as canvas contexts and SVG take it. */
export function domMatrix([a = 1, b = 0, , , c = 0, d = 1, , , e = 0, f = 0]: Float64Array): DOMMatrix {
  return new DOMMatrix([a, b, c, d, e, f]);
}
