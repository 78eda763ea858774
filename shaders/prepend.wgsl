// prepend: y[b] = [token; x[b]] + positions: what a vision transformer does after its patch embedding.
// x: [B, T, cols]; token: [prefix, cols], the same for the whole batch; positions: [prefix + T, cols], or absent;
// y: [B, prefix + T, cols]. A thread writes four consecutive elements. WIDE: cols is a multiple of 4.

alias Elem = f32; // f32 | f16

struct Params {
  words: u32,
  tokens: u32, // T
  prefix: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read> token: array<vec4<Elem>>;
@group(0) @binding(2) var<storage, read> positions: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(4) var<uniform> params: Params;

override WG: u32 = 64;
override WIDE: bool = false;
override HAS_POSITIONS: bool = false;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let word = (group.y * groups.x + group.x) * WG + lane;
  if (word >= params.words) {
    return;
  }
  let prefix = params.prefix * params.cols; // elements of one picture
  let size = prefix + params.tokens * params.cols;
  var value = vec4<f32>();
  if (WIDE) {
    let picture = word * 4 / size;
    let at = word * 4 - picture * size;
    if (at < prefix) {
      value = vec4<f32>(token[at / 4]);
    } else {
      value = vec4<f32>(x[(picture * (size - prefix) + at - prefix) / 4]);
    }
    if (HAS_POSITIONS) {
      value += vec4<f32>(positions[at / 4]);
    }
  } else {
    for (var e = 0u; e < 4; e++) {
      let picture = (word * 4 + e) / size;
      let at = word * 4 + e - picture * size;
      if (at < prefix) {
        value[e] = f32(token[at / 4][at % 4]);
      } else {
        let i = picture * (size - prefix) + at - prefix;
        value[e] = f32(x[i / 4][i % 4]);
      }
      if (HAS_POSITIONS) {
        value[e] += f32(positions[at / 4][at % 4]);
      }
    }
  }
  y[word] = vec4<Elem>(value);
}
