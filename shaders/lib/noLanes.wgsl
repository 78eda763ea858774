// Takes the place of lanes.wgsl on devices without subgroups: the same functions, so that a shader compiles. No variant
// that needs what they do is chosen there.

fn fromLane(x: f32, lane: u32) -> f32 {
  return x;
}

fn fromLane4(x: vec4<f32>, lane: u32) -> vec4<f32> {
  return x;
}

fn fromOther4(x: vec4<f32>, mask: u32) -> vec4<f32> {
  return x;
}
