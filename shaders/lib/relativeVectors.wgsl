// The products of relativePositions for GPUs: RowWord is vec4<Elem>. Four elements of four tokens and of eight rows of
// the table are 12 loads for 128 products.

fn fourOfQ(at: vec4u) -> mat4x4<f32> {
  return mat4x4<f32>(vec4<f32>(q[at.x]), vec4<f32>(q[at.y]), vec4<f32>(q[at.z]), vec4<f32>(q[at.w]));
}

fn fourOfTable(at: vec4u) -> mat4x4<f32> {
  let near = mat2x4<f32>(vec4<f32>(table[at.x]), vec4<f32>(table[at.y]));
  let far = mat2x4<f32>(vec4<f32>(table[at.z]), vec4<f32>(table[at.w]));
  return transpose(mat4x4<f32>(near[0], near[1], far[0], far[1]));
}

// As a product of matrices: a column of the table's elements for each of d, of q's for each token.
fn scoresOf(tokens: vec4u, near: vec4u, far: vec4u, lane: u32) -> Scores {
  var scores: Scores;
  for (var d = 0u; d < params.D; d += 4) {
    let x = fourOfQ((tokens + d) / 4);
    scores.near += fourOfTable((near + d) / 4) * x;
    scores.far += fourOfTable((far + d) / 4) * x;
  }
  return scores;
}
