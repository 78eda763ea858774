// interpolate: a grid [batch, height, width, cols] resized to [batch, outHeight, outWidth, cols] as PyTorch does with
// align_corners = False: y[i] = sum over j of filter((j - at) / stretch) * x[j], at = (i + 0.5) * scale - 0.5, along
// both axes; filter: a triangle (bilinear) or Keys' cubic (bicubic). Without ANTIALIAS, what lies beyond the edge is
// the edge; with it the filter is stretched by the scale, what lies beyond is left out, and the weights are divided by
// their sum. y may be a window [windowHeight, windowWidth] of the result, 0 where it is beyond it. One word of y a
// thread: lib/words.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  words: u32,
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  windowHeight: u32,
  windowWidth: u32,
  top: i32, // of the window in the result
  left: i32,
  cols: u32,
  scaleY: f32, // steps of x for one of y
  scaleX: f32,
  stretchY: f32, // 1, or the scale where ANTIALIAS shrinks
  stretchX: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(2) var<uniform> params: Params;

override CUBIC: bool = false;
override ANTIALIAS: bool = false;

// Keys' cubic convolution; PyTorch takes a = -0.75, and -0.5 with antialias, as Pillow does.
fn weight(distance: f32) -> f32 {
  let d = abs(distance);
  if (!CUBIC) {
    return select(0.0, 1.0 - d, d < 1.0);
  }
  let a = select(-0.75, -0.5, ANTIALIAS);
  if (d < 1.0) {
    return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
  }
  return select(0.0, (((d - 5.0) * d + 8.0) * d - 4.0) * a, d < 2.0);
}

// First and last place that the filter reaches.
fn reach(at: f32, stretch: f32, size: u32) -> vec2i {
  let support = select(1.0, 2.0, CUBIC) * stretch;
  let span = vec2i(i32(floor(at - support)) + 1, i32(floor(at + support)));
  if (ANTIALIAS) {
    return clamp(span, vec2i(0), vec2i(i32(size) - 1));
  }
  return span;
}

// Element i of x; with WIDE the word that begins there.
fn xAt(i: u32) -> vec4<Elem> {
  if (WIDE) {
    return x[i / 4];
  }
  return vec4<Elem>(x[i / 4][i % 4]);
}

fn valuesAt(i: u32) -> vec4<Elem> {
  let place = i / params.cols;
  let column = i - place * params.cols;
  let row = place / params.windowWidth;
  let picture = row / params.windowHeight;
  let outX = i32(place - row * params.windowWidth) + params.left;
  let outY = i32(row - picture * params.windowHeight) + params.top;
  if (outX < 0 || outX >= i32(params.outWidth) || outY < 0 || outY >= i32(params.outHeight)) {
    return vec4<Elem>();
  }
  let atX = (f32(outX) + 0.5) * params.scaleX - 0.5;
  let atY = (f32(outY) + 0.5) * params.scaleY - 0.5;
  let spanX = reach(atX, params.stretchX, params.width);
  let spanY = reach(atY, params.stretchY, params.height);
  let last = vec2i(i32(params.width), i32(params.height)) - 1;
  var sum = vec4<f32>();
  var totalX = 0.0;
  var totalY = 0.0;
  for (var j = spanY.x; j <= spanY.y; j++) {
    let line = (picture * params.height + u32(clamp(j, 0, last.y))) * params.width;
    var lineSum = vec4<f32>();
    totalX = 0.0;
    for (var k = spanX.x; k <= spanX.y; k++) {
      let w = weight((f32(k) - atX) / params.stretchX);
      let at = (line + u32(clamp(k, 0, last.x))) * params.cols + column;
      lineSum += w * vec4<f32>(xAt(at));
      totalX += w;
    }
    let w = weight((f32(j) - atY) / params.stretchY);
    sum += w * lineSum;
    totalY += w;
  }
  if (ANTIALIAS) {
    sum /= totalX * totalY;
  }
  return vec4<Elem>(sum);
}
