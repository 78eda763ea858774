// meanPool: the mean over tokens. x: [batch, tokens, channels]; y: [batch, channels].
// The first `start` tokens are left out. One element of y a thread: neighbouring threads read neighbouring channels.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32, // elements of y
  tokens: u32,
  channels: u32,
  start: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = (group.y * groups.x + group.x) * WG + lane;
  if (at >= params.count) {
    return;
  }
  let first = at / params.channels * params.tokens * params.channels + at % params.channels;
  var sum = 0.0;
  for (var t = params.start; t < params.tokens; t++) {
    sum += f32(x[first + t * params.channels]);
  }
  y[at] = Elem(sum / f32(params.tokens - params.start));
}
