// Pixel values that any language makes alike.

/** sin(0.01 i) counted in [C, H * W], as PyTorch has pixels, in the order [H * W, C] of the models here. */
export function sines(C: number, pixels: number): Float32Array {
  const values = new Float32Array(C * pixels);
  for (let c = 0; c < C; c++) {
    for (let i = 0; i < pixels; i++) values[i * C + c] = Math.sin((c * pixels + i) * 0.01);
  }
  return values;
}
