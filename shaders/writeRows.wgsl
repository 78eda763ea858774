// writeRows: rows [n, width] become rows at .. at + n of y; the rest of y stays as it is. A thread writes one item: an
// element, or four where a row is a whole number of fours. Invocations: lib/invocation.wgsl.

alias Item = f32; // f32 | f16 | i32 | u32, or a vec4 of these

struct Params {
  items: u32, // of all rows
  rowItems: u32,
  at: u32,
}

@group(0) @binding(0) var<storage, read> rows: array<Item>;
@group(0) @binding(1) var<storage, read_write> y: array<Item>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(thread: Invocation) {
  let item = flatIndex(thread);
  if (item < params.items) {
    y[params.at * params.rowItems + item] = rows[item];
  }
}
