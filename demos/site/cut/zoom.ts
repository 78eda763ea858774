// Zoom and pan: where the picture lies within the frame that it fills when it is whole, as a matrix in the picture's
// own pixels. It always covers the frame.
import { mat3d, vec2d } from "wgpu-matrix";

type Affine = Float64Array;

/** From the left and from the top. */
type Point = readonly [x: number, y: number];

const MOST = 16;

/** Pixels across and down. */
interface Size {
  readonly width: number;
  readonly height: number;
}

export class Zoom {
  /** From the picture to its frame, both in pixels of the picture. */
  map: Affine = mat3d.identity();
  readonly #size: Size;

  constructor(size: Size) {
    this.#size = size;
  }

  /** 1 for the whole picture, 2 for the half of it. */
  get scale(): number {
    return this.map[0] as number;
  }

  /** Makes it larger by a factor; what lies at this place of the frame stays there. */
  by(factor: number, [x, y]: Point): void {
    const scale = Math.min(MOST, this.scale * factor);
    if (scale <= 1) {
      this.map = mat3d.identity(); // to the last bit
      return;
    }
    const change = scale / this.scale;
    const about = mat3d.multiply(mat3d.translation([x, y]), mat3d.scaling([change, change]));
    this.#apply(mat3d.multiply(about, mat3d.translation([-x, -y])));
  }

  /** Moves it, by pixels of the frame. */
  move([dx, dy]: Point): void {
    this.#apply(mat3d.translation([dx, dy]));
  }

  /** Moves it just so far that a place of the picture is seen. */
  reveal(place: Point): void {
    const [x = 0, y = 0] = vec2d.transformMat3([...place], this.map);
    const { width, height } = this.#size;
    const into = (value: number, size: number) => Math.min(0.95 * size, Math.max(0.05 * size, value)) - value;
    this.move([into(x, width), into(y, height)]);
  }

  #apply(change: Affine): void {
    const map = mat3d.multiply(change, this.map);
    const { width, height } = this.#size;
    const [left = 0, top = 0] = vec2d.transformMat3([0, 0], map);
    const [right = 0, bottom = 0] = vec2d.transformMat3([width, height], map);
    // What the frame would show beyond the picture's edges is taken back.
    const back = (least: number, most: number, size: number) => Math.max(0, size - most) - Math.max(0, least);
    this.map = mat3d.multiply(mat3d.translation([back(left, right, width), back(top, bottom, height)]), map);
  }
}
