// normalizeImage: bytes of a picture to the numbers a model takes: y = (byte * scale - mean) / std in a window of it.
// image: [batch, H, W] pixels, RGBA bytes packed into a u32 with red lowest; y: [batch, height, width, 3].
// The window may reach beyond the picture: there the bytes are 0, or y is 0 with padAfter. One pixel of y a
// thread: lib/flat.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32, // pixels of y
  H: u32,
  W: u32,
  height: u32,
  width: u32,
  top: i32, // of the window in the picture
  left: i32,
  padAfter: u32,
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
  let row = i32(line % params.height) + params.top;
  let col = i32(at % params.width) + params.left;
  let isInside = row >= 0 && row < i32(params.H) && col >= 0 && col < i32(params.W);
  var pixel = 0u;
  if (isInside) {
    pixel = image[(line / params.height * params.H + u32(row)) * params.W + u32(col)];
  }
  let rgb = vec3f((vec3u(pixel) >> vec3u(0, 8, 16)) & vec3u(255));
  let factor = vec3f(params.factorR, params.factorG, params.factorB);
  let offset = vec3f(params.offsetR, params.offsetG, params.offsetB);
  let value = select(vec3f(), rgb * factor + offset, isInside || params.padAfter == 0);
  for (var c = 0u; c < 3; c++) {
    y[at * 3 + c] = Elem(value[c]);
  }
}
