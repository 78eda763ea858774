// meanPool: y[b, c] = mean of x[b, t, c] over the tokens t >= start. x: [batch, tokens, channels]; y: [batch,
// channels]. One element of y a thread (lib/flat.wgsl), so that neighbouring threads read neighbouring channels.

alias Elem = f32; // f32 | f16

struct Params { count: u32, tokens: u32, channels: u32, start: u32 }

@group(0) @binding(0) var<storage, read> x: array<Elem>;
@group(0) @binding(1) var<storage, read_write> y: array<Elem>;
@group(0) @binding(2) var<uniform> params: Params;

fn compute(at: u32) {
  let first = at / params.channels * params.tokens * params.channels + at % params.channels;
  var sum = 0.0;
  for (var t = params.start; t < params.tokens; t++) {
    sum += f32(x[first + t * params.channels]);
  }
  y[at] = Elem(sum / f32(params.tokens - params.start));
}
