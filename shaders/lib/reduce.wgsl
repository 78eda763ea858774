// Sum and maximum over the threads of a workgroup, for kernels with a workgroup a row. Every thread must call them.

override WG: u32 = 64; // threads of a workgroup; a power of 2

var<workgroup> partial: array<f32, WG>;

fn sumOverGroup(value: f32, lane: u32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = WG / 2; half > 0; half /= 2) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier();
  return total;
}

// NaN may be lost, as WGSL's max may lose it.
fn maxOverGroup(value: f32, lane: u32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = WG / 2; half > 0; half /= 2) {
    if (lane < half) {
      partial[lane] = max(partial[lane], partial[lane + half]);
    }
    workgroupBarrier();
  }
  let largest = partial[0];
  workgroupBarrier();
  return largest;
}
