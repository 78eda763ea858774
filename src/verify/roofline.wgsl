// What an adapter can do at most: multiply-adds on f32 in registers, and copies of memory.

struct Params {
  words: u32, // vec4s of y
  rounds: u32, // of multiplyAdd
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 256;
override WORDS: u32 = 4; // vec4s that a thread copies

@compute @workgroup_size(WG)
fn copy(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (group.y * groups.x + group.x) * WG * WORDS + lane;
  for (var i = 0u; i < WORDS; i++) {
    let word = first + i * WG;
    if (word < params.words) {
      y[word] = x[word];
    }
  }
}

// Twelve chains a thread: enough to hide the latency of each, few enough to stay in registers.
// A round is 2 * 12 * 8 operations.
@compute @workgroup_size(WG)
fn multiplyAdd(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let word = (group.y * groups.x + group.x) * WG + lane;
  let factor = x[0];
  let addend = x[1];
  var a = vec4f(f32(word));
  var b = a + 1.0;
  var c = a + 2.0;
  for (var round = 0u; round < params.rounds; round++) {
    for (var i = 0u; i < 8; i++) {
      a = fma(a, factor, addend);
      b = fma(b, factor, addend);
      c = fma(c, factor, addend);
    }
  }
  if (word < params.words) {
    y[word] = a + b + c;
  }
}
