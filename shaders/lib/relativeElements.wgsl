// The products of relativePositions, element by element. With LANES the threads of a workgroup are one subgroup, load
// LANES elements of each row of the table at once and take them from each other (see attention.wgsl).

const LANES = 1u; // threads that load for each other: a workgroup, or 1

fn elementsOfQ(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(q[at.x]), f32(q[at.y]), f32(q[at.z]), f32(q[at.w]));
}

fn elementsOfTable(at: vec4u) -> vec4<f32> {
  return vec4<f32>(f32(table[at.x]), f32(table[at.y]), f32(table[at.z]), f32(table[at.w]));
}

fn scoresOf(tokens: vec4u, near: vec4u, far: vec4u, lane: u32) -> Scores {
  var scores: Scores;
  var line0: vec4<f32>;
  var line1: vec4<f32>;
  for (var d = 0u; d < params.D; d++) {
    if (d % LANES == 0) {
      line0 = elementsOfTable(near + d + lane % LANES);
      line1 = elementsOfTable(far + d + lane % LANES);
    }
    let x = elementsOfQ(tokens + d);
    scores.near += outer(fromLane4(line0, d % LANES), x);
    scores.far += outer(fromLane4(line1, d % LANES), x);
  }
  return scores;
}
