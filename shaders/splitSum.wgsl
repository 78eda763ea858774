// splitSum: adds the parts of a split matmul or conv2d and applies its epilogue:
// y = outAct(act(Σ parts + bias) * scale + residual).
// parts: [splits, rows, N]; bias, scale: [N]; residual: [R, N] repeated down the rows; y: [rows, N]. One thread an
// element.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32,
  N: u32,
  splits: u32,
  residualCount: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<Elem>;
@group(0) @binding(1) var<storage, read> bias: array<Elem>;
@group(0) @binding(2) var<storage, read> scale: array<Elem>;
@group(0) @binding(3) var<storage, read> residual: array<Elem>;
@group(0) @binding(4) var<storage, read_write> y: array<Elem>;
@group(0) @binding(5) var<uniform> params: Params;

override WG: u32 = 64;
override ACTIVATION: u32 = 0;
override OUTPUT_ACTIVATION: u32 = 0;
override HAS_BIAS: bool = false;
override HAS_SCALE: bool = false;
override HAS_RESIDUAL: bool = false;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = (group.y * groups.x + group.x) * WG + lane;
  if (i >= params.count) {
    return;
  }
  var sum = 0.0;
  for (var part = 0u; part < params.splits; part++) {
    sum += f32(parts[part * params.count + i]);
  }
  let column = i % params.N;
  if (HAS_BIAS) {
    sum += f32(bias[column]);
  }
  sum = activate(ACTIVATION, sum);
  if (HAS_SCALE) {
    sum *= f32(scale[column]);
  }
  if (HAS_RESIDUAL) {
    sum += f32(residual[i % params.residualCount]);
  }
  y[i] = Elem(activate(OUTPUT_ACTIVATION, sum));
}
