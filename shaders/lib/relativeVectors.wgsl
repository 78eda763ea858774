// The products of relativePositions for GPUs: RowWord is vec4<Elem>. Four elements of four tokens and of LINES rows of
// the table are 4 + LINES loads for 16 * LINES products.

const MOST_TERMS = 1u << 31; // of a loop that is left before: Chromium counts the turns of any other in two registers

fn fourOfQ(at: vec4u) -> mat4x4<f32> {
  return mat4x4<f32>(vec4<f32>(q[at.x]), vec4<f32>(q[at.y]), vec4<f32>(q[at.z]), vec4<f32>(q[at.w]));
}

fn fourOfTable(at: vec4u) -> mat4x4<f32> {
  let near = mat2x4<f32>(vec4<f32>(table[at.x]), vec4<f32>(table[at.y]));
  let far = mat2x4<f32>(vec4<f32>(table[at.z]), vec4<f32>(table[at.w]));
  return transpose(mat4x4<f32>(near[0], near[1], far[0], far[1]));
}

fn scoresOf(tokens: vec4u, near: vec4u, far: vec4u, lane: u32) -> Scores {
  var scores: Scores;
  for (var d = 0u; d < MOST_TERMS; d += 4) {
    if (d >= params.D) {
      break;
    }
    let x = fourOfQ((tokens + d) / 4);
    if (LINES == 8) {
      // As a product of matrices: a column of the table's elements for each of d, of q's for each token.
      scores.near += fourOfTable((near + d) / 4) * x;
      scores.far += fourOfTable((far + d) / 4) * x;
    } else {
      // A row of the table at a time, where a thread has few registers.
      for (var line = 0u; line < 4; line++) {
        let y = vec4<f32>(table[(near[line] + d) / 4]);
        for (var i = 0u; i < 4; i++) {
          scores.near[i][line] += x[i].x * y.x;
          scores.near[i][line] += x[i].y * y.y;
          scores.near[i][line] += x[i].z * y.z;
          scores.near[i][line] += x[i].w * y.w;
        }
      }
    }
  }
  return scores;
}
