// channelScale: y[b, i] = max |x| / 127 over a channel, which is a column of x[b], or a row: the step between
// neighbouring int8. A channel with a NaN gets NaN, so that nothing made with it hides it.
// x: [batch, rows, cols]; y: [batch, channels]. One channel a thread: lib/flat.wgsl. isNan:
// lib/nan.wgsl.

alias Elem = f32; // f32 | f16

struct Params {
  count: u32, // channels of all matrices
  channels: u32, // of one matrix: its columns, or its rows
  length: u32, // elements of a channel
  next: u32, // elements from one channel to the next
  step: u32, // elements from one element of a channel to the next
}

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

fn compute(index: u32) {
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
