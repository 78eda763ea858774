// resize: one pass of Pillow's resampling of 8-bit pixels along one axis, in its fixed-point arithmetic.
// image: [outer, length, inner] pixels, RGBA bytes packed into a u32 with red lowest; starts: [size];
// weights: [size, taps], in units of 2^-22; y: [rows, size, inner], of the rows of `outer` from `first` on. For each of
// the four bytes of a pixel
// y[o, i, n] = clip8((2^21 + Σ_t image[first + o, starts[i] + t, n] * weights[i, t]) >> 22).
// No sum leaves 32 bits: that is what Pillow's 22 bits are chosen for. One pixel of y a thread: lib/flat.wgsl.

struct Params { count: u32, length: u32, size: u32, inner: u32, taps: u32, first: u32 }

@group(0) @binding(0) var<storage, read> image: array<u32>;
@group(0) @binding(1) var<storage, read> starts: array<i32>;
@group(0) @binding(2) var<storage, read> weights: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;

const BYTE_SHIFTS = vec4u(0, 8, 16, 24);

fn unpack(pixel: u32) -> vec4i {
  return vec4i((vec4u(pixel) >> BYTE_SHIFTS) & vec4u(255));
}

fn pack(bytes: vec4i) -> u32 {
  let parts = vec4u(clamp(bytes, vec4i(0), vec4i(255))) << BYTE_SHIFTS;
  return parts.x | parts.y | parts.z | parts.w;
}

fn compute(at: u32) {
  let line = at / params.inner;
  let outer = params.first + line / params.size;
  let i = line % params.size;
  var source = (outer * params.length + u32(starts[i])) * params.inner + at % params.inner;
  var sum = vec4i(1 << 21);
  for (var t = 0u; t < params.taps; t++) {
    sum += unpack(image[source]) * weights[i * params.taps + t];
    source += params.inner;
  }
  y[at] = pack(sum >> vec4u(22));
}
