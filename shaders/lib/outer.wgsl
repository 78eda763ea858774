// Outer product of two times four values: a column for each of `columns`.

fn outer(rows: vec4<f32>, columns: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(columns.x * rows, columns.y * rows, columns.z * rows, columns.w * rows);
}
