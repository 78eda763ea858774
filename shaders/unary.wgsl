// unary: y = activate(x), element by element; x, y: any shape. A thread takes one word of four elements; buffers are
// padded to whole words. Activations: lib/activation.wgsl, lib/nan.wgsl.

alias Elem = f32; // f32 | f16

struct Params { words: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(2) var<uniform> params: Params;

override KIND: u32 = 0;

@compute @workgroup_size(WG)
fn main(thread: Invocation) {
  let word = flatIndex(thread);
  if (word < params.words) {
    let value = vec4<f32>(x[word]);
    y[word] = vec4<Elem>(activate4(KIND, value));
  }
}
