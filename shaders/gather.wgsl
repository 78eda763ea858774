// gather: y[i] = table[ids[i] - rowStart], row by row. The table may be one chunk of a larger one: ids outside its rows
// take the row of `previous` (the result for the chunks before) or zeros, so that nothing is read out of bounds.
// The table may be int8; tableScale [rows] then has the scale of each row. fromInt8: lib/int8.wgsl.
// ids: [n]; table: [rows, cols]; previous, y: [n, cols]. One word of y a thread: lib/words.wgsl.

alias Elem = f32; // f32 | f16 | i32 | u32
alias TableWord = vec4<Elem>; // u32 where table is int8
alias TableLanes = vec4<Elem>; // vec4u where table is int8
const INT8 = false; // table is int8

struct Params { words: u32, n: u32, rows: u32, cols: u32, rowStart: u32 }

@group(0) @binding(0) var<storage, read> ids: array<u32>; // a negative i32 is beyond every table
@group(0) @binding(1) var<storage, read> table: array<TableWord>;
@group(0) @binding(2) var<storage, read> previous: array<vec4<Elem>>;
@group(0) @binding(3) var<storage, read> tableScale: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Elem>>;
@group(0) @binding(5) var<uniform> params: Params;

override HAS_PREVIOUS: bool = false;

// The table's row for row `i` of y; params.rows when it has none.
fn rowOf(i: u32) -> u32 {
  if (i >= params.n || ids[i] < params.rowStart) {
    return params.rows;
  }
  return min(ids[i] - params.rowStart, params.rows);
}

// Element i of the table, which lies in `row`; with WIDE the word that begins there.
fn tableAt(i: u32, row: u32) -> vec4<Elem> {
  let lanes = TableLanes(table[i / 4]);
  var values = vec4<Elem>(lanes);
  if (INT8) {
    values = vec4<Elem>(fromInt8(vec4u(lanes)) * tableScale[row]);
  }
  if (WIDE) {
    return values;
  }
  return vec4<Elem>(values[i % 4]);
}

// Element i of previous; with WIDE the word that begins there.
fn previousAt(i: u32) -> vec4<Elem> {
  if (WIDE) {
    return previous[i / 4];
  }
  return vec4<Elem>(previous[i / 4][i % 4]);
}

fn valuesAt(i: u32) -> vec4<Elem> {
  let rowOfY = i / params.cols;
  let row = rowOf(rowOfY);
  if (row < params.rows) {
    let at = row * params.cols + i - rowOfY * params.cols;
    return tableAt(at, row);
  }
  if (HAS_PREVIOUS) {
    return previousAt(i);
  }
  return vec4<Elem>();
}
