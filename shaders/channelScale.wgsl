// channelScale: y[b, i] = max |x| / 127 over a channel, which is a column of x[b], or a row: the step between
// neighbouring int8. A channel with a NaN gets NaN, so that nothing made with it hides it.
// x: [batch, rows, cols]; y: [batch, channels]. A thread takes a channel. isNan: lib/nan.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  batch: u32,
  channels: u32, // of one matrix: its columns, or its rows
  length: u32, // elements of a channel
  next: u32, // elements from one channel to the next
  step: u32, // elements from one element of a channel to the next
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * WG + lane;
  if (index >= params.batch * params.channels) {
    return;
  }
  let batch = index / params.channels;
  var at = batch * params.channels * params.length + (index - batch * params.channels) * params.next;
  var largest = 0.0;
  var nan = 0.0;
  for (var i = 0u; i < params.length; i++) {
    let value = f32(x[at]);
    if (isNan(value)) {
      nan = value;
    }
    largest = max(largest, abs(value));
    at += params.step;
  }
  y[index] = select(largest / 127.0, nan, isNan(nan));
}
