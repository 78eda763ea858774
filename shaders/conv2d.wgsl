// conv2d: y = outAct(act(convolution(x, weight) + bias) + residual). What lies beyond x is 0. Sums in f32.
// x: [B, H, W, C]; bias: [O]; y and residual: [B, OH, OW, O]; weight, for direct: [O, C / groups, KH, KW] as PyTorch
// stores it; for the tiles: [KH * KW * C, N4 * 4], its rows in the order (ky, kx, c), padded with zeros to whole vec4s.
// They may be int8; weightScale [N4 * 4] then has the unit of each column.
// The tiles compute a product of windows and weight, [B * OH * OW, KH * KW * C] by [KH * KW * C, O], without storing
// the windows. A window is `pieces` runs of `run` elements that lie side by side in x: one a row of the window, or one
// a pixel where it is dilated. depthwise takes [KH * KW, C]. Activations: lib/activation.wgsl, lib/nan.wgsl; fromInt8:
// lib/int8.wgsl; registerTile and laneTile: lib/conv2dRegisterTile.wgsl and lib/conv2dLaneTile.wgsl, loaded where they
// are launched.

alias Elem = f32; // f32 | f16
alias XWord = vec4<Elem>; // vec4<Elem> for depthwise, and for sharedTile where C is a multiple of 4, else Elem
const X_WIDTH = 4u; // elements of an XWord: 4 | 1
alias WeightWord = vec4<Elem>; // Elem for direct, u32 where weight is int8
alias WeightLanes = vec4<Elem>; // vec4u where weight is int8
const INT8 = false; // weight is int8

struct Params {
  rows: u32, // B * OH * OW
  H: u32,
  W: u32,
  C: u32,
  OH: u32,
  OW: u32,
  O: u32,
  N4: u32, // vec4s of a row of packed weights
  KH: u32,
  KW: u32,
  groups: u32,
  strideH: u32,
  strideW: u32,
  paddingH: u32,
  paddingW: u32,
  dilationH: u32,
  dilationW: u32,
  run: u32, // elements
  runs: u32, // of a row of the window: 1 | KW
}

@group(0) @binding(0) var<storage, read> x: array<XWord>;
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> bias: array<Elem>;
@group(0) @binding(3) var<storage, read> residual: array<Elem>;
@group(0) @binding(4) var<storage, read> weightScale: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<Elem>;
@group(0) @binding(6) var<uniform> params: Params;

override WG: u32 = 64;
override ACTIVATION: u32 = 0;
override OUTPUT_ACTIVATION: u32 = 0;
override HAS_BIAS: bool = false;
override HAS_RESIDUAL: bool = false;
override SPLITS: u32 = 1; // parts of K; y is then [SPLITS, B, OH, OW, O] without epilogue, for splitSum

const BEYOND = 0x80000000u; // a place in a row of x that no picture has

fn elementOfX(at: u32) -> f32 {
  return f32(vec4<Elem>(x[at / X_WIDTH])[at % X_WIDTH]);
}

// A word of weight in four lanes; of int8 without their unit.
fn wordOfWeight(at: u32) -> vec4<f32> {
  let lanes = WeightLanes(weight[at]);
  if (INT8) {
    return fromInt8(vec4u(lanes));
  }
  return vec4<f32>(lanes);
}

fn store4(sums: vec4<f32>, row: u32, col4: u32, part: u32) {
  let o = col4 * 4;
  if (o >= params.O) {
    return;
  }
  let count = params.O - o;
  let at = row * params.O + o;
  var value = sums;
  if (INT8) {
    value *= weightScale[col4];
  }
  if (SPLITS == 1) {
    if (HAS_BIAS) {
      for (var i = 0u; i < 4; i++) {
        value[i] += f32(bias[min(o + i, params.O - 1)]);
      }
    }
    value = activate4(ACTIVATION, value);
    if (HAS_RESIDUAL) {
      for (var i = 0u; i < 4; i++) {
        value[i] += f32(residual[min(at + i, params.rows * params.O - 1)]);
      }
    }
    value = activate4(OUTPUT_ACTIVATION, value);
  }
  let first = part * params.rows * params.O + at;
  for (var i = 0u; i < 4; i++) {
    if (i < count) {
      y[first + i] = Elem(value[i]);
    }
  }
}

// Where a window begins: the picture's first row, and the window's top row and left column in the picture. What lies
// above or left of it wraps around to numbers beyond every picture.
fn cornerOf(row: u32) -> vec3u {
  let place = min(row, params.rows - 1);
  let top = place / params.OW % params.OH * params.strideH - params.paddingH;
  let left = place % params.OW * params.strideW - params.paddingW;
  return vec3u(place / params.OW / params.OH * params.H, top, left);
}

// Where a run begins: its index in x, and its place in a row of the picture.
fn runOf(corner: vec3u, ky: u32, kx: u32) -> vec2u {
  let row = corner.y + ky * params.dilationH;
  let left = (corner.z + kx * params.dilationW) * params.C;
  return vec2u((corner.x + row) * params.W * params.C + left, select(BEYOND, left, row < params.H));
}

fn elementOfRun(run: vec2u, e: u32) -> f32 {
  let isInside = run.y + e < params.W * params.C;
  return select(0.0, elementOfX(select(0u, run.x + e, isInside)), isInside);
}

fn finish(sum: f32, at: u32, o: u32) -> f32 {
  var value = sum;
  if (HAS_BIAS) {
    value += f32(bias[o]);
  }
  value = activate(ACTIVATION, value);
  if (HAS_RESIDUAL) {
    value += f32(residual[at]);
  }
  return activate(OUTPUT_ACTIVATION, value);
}

// One element of y a thread, with weights as PyTorch stores them: groups, of which a depthwise convolution has C.
@compute @workgroup_size(WG)
fn direct(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WG + lane;
  if (at >= params.rows * params.O) {
    return;
  }
  let o = at % params.O;
  let corner = cornerOf(at / params.O);
  let depth = params.C / params.groups;
  let channel = o / (params.O / params.groups) * depth;
  var sum = 0.0;
  for (var ky = 0u; ky < params.KH; ky++) {
    for (var kx = 0u; kx < params.KW; kx++) {
      let run = runOf(corner, ky, kx);
      var w = (o * depth * params.KH + ky) * params.KW + kx;
      for (var c = 0u; c < depth; c++) {
        sum += elementOfRun(run, channel + c) * wordOfWeight(w).x;
        w += params.KH * params.KW;
      }
    }
  }
  y[at] = Elem(finish(sum, at, o));
}

// Each channel by itself, one vec4 of channels of one window a thread: groups = C = O, a multiple of 4.
@compute @workgroup_size(WG)
fn depthwise(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WG + lane;
  if (at >= params.rows * params.N4) {
    return;
  }
  let col = at % params.N4;
  let corner = cornerOf(at / params.N4);
  var sum = vec4<f32>();
  for (var ky = 0u; ky < params.KH; ky++) {
    let row = corner.y + ky * params.dilationH;
    if (row >= params.H) {
      continue;
    }
    for (var kx = 0u; kx < params.KW; kx++) {
      let left = corner.z + kx * params.dilationW;
      if (left >= params.W) {
        continue;
      }
      let u = vec4<f32>(vec4<Elem>(x[((corner.x + row) * params.W + left) * params.N4 + col]));
      sum += u * wordOfWeight((ky * params.KW + kx) * params.N4 + col);
    }
  }
  store4(sum, at / params.N4, col, 0);
}

const TILE = 64u; // windows and columns of a sharedTile
const DEPTH = 16u; // its step along K
var<workgroup> tileX: array<array<vec4<f32>, TILE / 4>, DEPTH>; // [k][window / 4]
var<workgroup> tileW: array<array<vec4<f32>, TILE / 4>, DEPTH>; // [k][column / 4]

// Elements k .. k + 3 of a window, of which those before `end` are there.
fn window4(corner: vec3u, k: u32, end: u32) -> vec4<f32> {
  var value = vec4<f32>();
  for (var i = 0u; i < 4 && k + i < end; i += X_WIDTH) {
    let piece = (k + i) / params.run;
    let e = (k + i) % params.run;
    let run = runOf(corner, piece / params.runs, piece % params.runs);
    if (run.y + e < params.W * params.C) {
      let word = vec4<f32>(vec4<Elem>(x[(run.x + e) / X_WIDTH]));
      if (X_WIDTH == 4u) {
        return word;
      }
      value[i] = word.x;
    }
  }
  return value;
}

// 64 windows by 64 columns by 256 threads, 4 x 4 each, through 8 KiB of workgroup memory: as matmul's sharedTile, for
// GPUs. x: column tiles, y: tiles of windows, z: part of K.
@compute @workgroup_size(16, 16)
fn sharedTile(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let K = params.KH * params.runs * params.run;
  let share = ((K + 4 * SPLITS - 1) / (4 * SPLITS)) * 4;
  let end = min((group.z + 1) * share, K);
  let corner = cornerOf(group.y * TILE + lane / 4);
  let col = min(group.x * (TILE / 4) + lane % 16, params.N4 - 1);
  var sum: array<vec4<f32>, 4>;
  for (var k = group.z * share; k < end; k += DEPTH) {
    let u = window4(corner, k + lane % 4 * 4, end);
    for (var i = 0u; i < 4; i++) {
      tileX[lane % 4 * 4 + i][lane / 16][lane / 4 % 4] = u[i];
    }
    var v = vec4<f32>();
    if (k + lane / 16 < end) {
      v = wordOfWeight((k + lane / 16) * params.N4 + col);
    }
    tileW[lane / 16][lane % 16] = v;
    workgroupBarrier();
    for (var i = 0u; i < DEPTH; i++) {
      let a = tileX[i][local.y];
      let b = tileW[i][local.x];
      sum[0] += a.x * b;
      sum[1] += a.y * b;
      sum[2] += a.z * b;
      sum[3] += a.w * b;
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4; i++) {
    let row = group.y * TILE + local.y * 4 + i;
    if (row < params.rows) {
      store4(sum[i], row, group.x * (TILE / 4) + local.x, group.z);
    }
  }
}
