// Kernels that work row by row: how rows are shared out to threads, and the sum and the maximum over a row. Every
// thread must call these functions. Invocations: lib/invocation.wgsl.

// A workgroup for each row: for GPUs, where the threads of a row read neighbouring elements. Else a thread for each
// row: for CPU adapters, where barriers are dear.
override ROW_PER_GROUP: bool = true;

// What a thread does: of row `row`, elements first, first + stride, …
struct RowShare {
  row: u32,
  first: u32,
  stride: u32,
}

fn rowShare(workgroup: Workgroup, lane: u32) -> RowShare {
  if (ROW_PER_GROUP) {
    return RowShare(groupIndex(workgroup), lane, WG);
  }
  return RowShare(groupIndex(workgroup) * WG + lane, 0, 1);
}

var<workgroup> partials: array<f32, WG>; // WG is a power of 2

const SUM = 0u;
const MAX = 1u;

// Over so many neighbouring threads, a power of 2 up to WG.
fn reduce(operation: u32, value: f32, lane: u32, threads: u32) -> f32 {
  if (!ROW_PER_GROUP) {
    return value;
  }
  partials[lane] = value;
  workgroupBarrier();
  for (var half = threads / 2; half > 0; half /= 2) {
    if (lane % threads < half) {
      let other = partials[lane + half];
      partials[lane] = select(partials[lane] + other, max(partials[lane], other), operation == MAX);
    }
    workgroupBarrier();
  }
  let result = partials[lane / threads * threads];
  workgroupBarrier();
  return result;
}

fn sumOverRow(value: f32, lane: u32) -> f32 {
  return reduce(SUM, value, lane, WG);
}

// NaN may be lost, as WGSL's max may lose it.
fn maxOverRow(value: f32, lane: u32) -> f32 {
  return reduce(MAX, value, lane, WG);
}
