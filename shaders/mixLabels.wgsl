// mixLabels: y[i, l] = the mean of labels[s, neighbour, l] over the neighbours of place first + i whose similarity is
// at least the smallest of its k largest, each weighed by exp(similarity / temperature). Neighbours of -2 are none.
// similarities: [rows, frames, 2 * down + 1, 2 * across + 1], as localSimilarity gives them; largest: [rows, k], as
// topK does; labels: [frames, height * width, count]; y: [rows, count]. All f32. One element of y a thread:
// lib/flat.wgsl.

struct Params {
  count: u32, labels: u32, k: u32, height: u32, width: u32, down: u32, across: u32, frames: u32, first: u32,
  temperature: f32
}

@group(0) @binding(0) var<storage, read> similarities: array<f32>;
@group(0) @binding(1) var<storage, read> largest: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

const NONE = -2.0;

fn compute(index: u32) {
  let label = index % params.labels;
  let i = index / params.labels;
  let place = params.first + i;
  let top = largest[i * params.k];
  let least = largest[i * params.k + params.k - 1];
  let row = place / params.width;
  let column = place % params.width;
  let lines = 2 * params.down + 1;
  let side = 2 * params.across + 1;
  var total = 0.0;
  var sum = 0.0;
  var at = i * params.frames * lines * side;
  for (var frame = 0u; frame < params.frames; frame++) {
    for (var line = 0u; line < lines; line++) {
      for (var d = 0u; d < side; d++) {
        let similarity = similarities[at];
        at++;
        if (similarity > NONE && similarity >= least) {
          // Within the map, as the similarity says.
          let neighbour = (row + line - params.down) * params.width + column + d - params.across;
          let weight = exp((similarity - top) / params.temperature);
          total += weight;
          sum += weight * labels[(frame * params.height * params.width + neighbour) * params.labels + label];
        }
      }
    }
  }
  y[index] = sum / total;
}
