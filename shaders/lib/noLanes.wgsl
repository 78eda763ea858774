// In lanes.wgsl's place on devices without subgroups, where no variant that calls it is chosen.

fn fromLane(x: f32, lane: u32) -> f32 {
  return x;
}

fn fromLane4(x: vec4<f32>, lane: u32) -> vec4<f32> {
  return x;
}
