// normalizeImage: bytes of a picture to the numbers a model takes: y = (byte * scale - mean) / std in a window of it.
// image: [batch, H, W] pixels, RGBA bytes packed into a u32 with red lowest; y: [batch, height, width, 3].
// The window may reach beyond the picture, where each pixel is the fill. Of y, what comes after the first rows and
// columns is 0. One pixel of y a thread: lib/flat.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32, // pixels of y
  H: u32,
  W: u32,
  height: u32,
  width: u32,
  top: i32, // of the window in the picture
  left: i32,
  rows: u32, // of y that hold the window; those after them are 0
  columns: u32,
  fill: u32, // packed as in the picture
  factorR: f32, // scale / std
  factorG: f32,
  factorB: f32,
  offsetR: f32, // -mean / std
  offsetG: f32,
  offsetB: f32,
}

@group(0) @binding(0) var<storage, read> image: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

fn compute(at: u32) {
  let line = at / params.width;
  let place = vec2u(at % params.width, line % params.height);
  let row = i32(place.y) + params.top;
  let col = i32(place.x) + params.left;
  let isInside = row >= 0 && row < i32(params.H) && col >= 0 && col < i32(params.W);
  var pixel = params.fill;
  if (isInside) {
    pixel = image[(line / params.height * params.H + u32(row)) * params.W + u32(col)];
  }
  let rgb = vec3f((vec3u(pixel) >> vec3u(0, 8, 16)) & vec3u(255));
  let factor = vec3f(params.factorR, params.factorG, params.factorB);
  let offset = vec3f(params.offsetR, params.offsetG, params.offsetB);
  let value = select(vec3f(), rgb * factor + offset, place.y < params.rows && place.x < params.columns);
  for (var c = 0u; c < 3; c++) {
    y[at * 3 + c] = Elem(value[c]);
  }
}
