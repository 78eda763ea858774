// Values that other threads of the subgroup hold. Needs the feature "subgroups".

fn fromLane(x: f32, lane: u32) -> f32 {
  return subgroupShuffle(x, lane);
}

fn fromLane4(x: vec4<f32>, lane: u32) -> vec4<f32> {
  return subgroupShuffle(x, lane);
}

// From the thread whose number differs in the bits of `mask`.
fn fromOther4(x: vec4<f32>, mask: u32) -> vec4<f32> {
  return subgroupShuffleXor(x, mask);
}
