// How values lie: ours are channels last, and the peers' channels first.

/** [C, places] to [places, C]. */
export function channelsLast(x: Float32Array, channels: number): Float32Array {
  const places = x.length / channels;
  const out = new Float32Array(x.length);
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < places; i++) out[i * channels + c] = x[c * places + i] as number;
  return out;
}

/** [places, C] to [C, places]. */
export function channelsFirst(x: Float32Array, channels: number): Float32Array {
  return channelsLast(x, x.length / channels);
}

/** Rows of so many elements, in this order. */
export function rowsInOrder(x: Float32Array, length: number, order: ArrayLike<number>): Float32Array {
  const out = new Float32Array(x.length);
  for (let i = 0; i < order.length; i++) {
    const from = (order[i] as number) * length;
    out.set(x.subarray(from, from + length), i * length);
  }
  return out;
}

/** Places of a square map in the order of SAM 2's skips: those of a coarser one, each followed by its parts. */
export function placesByParts(side: number, levels: number): Int32Array {
  let places = Int32Array.from({ length: (side >> levels) ** 2 }, (_, i) => i);
  for (let width = side >> levels; width < side; width *= 2) {
    places = Int32Array.from({ length: 4 * places.length }, (_, i) => {
      const [place, part] = [places[i >> 2] as number, i & 3];
      const [row, column] = [Math.floor(place / width), place % width];
      return (2 * row + (part >> 1)) * 2 * width + 2 * column + (part & 1);
    });
  }
  return places;
}
