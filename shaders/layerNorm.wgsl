// layerNorm: y = act((x - mean) / sqrt(variance + eps) * gamma + beta) over the last axis.
// x: [xRows, cols]; gamma, beta: [cols]; y: [rows, cols]. Row i of y is made of row start + i * step of x, so that one
// token of many can be picked without a copy. Two passes in f32, as E[x²] - mean² cancels; the mean is kept as a
// difference from the row's first element, so that a large common offset costs no digits. The loops are apart, as they
// read other words: lib/layerNormRows.wgsl, lib/layerNormVectors.wgsl, lib/layerNormLanes.wgsl. Activations:
// lib/activation.wgsl.

alias Elem = f32; // f32 | f16
alias RowWord = Elem; // Elem | vec4<Elem>, for lib/layerNormVectors.wgsl

struct Params { rows: u32, cols: u32, start: u32, step: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> x: array<RowWord>;
@group(0) @binding(1) var<storage, read> gamma: array<RowWord>;
@group(0) @binding(2) var<storage, read> beta: array<RowWord>;
@group(0) @binding(3) var<storage, read_write> y: array<RowWord>;
@group(0) @binding(4) var<uniform> params: Params;

override ACTIVATION: u32 = 0;
