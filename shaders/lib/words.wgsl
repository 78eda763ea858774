// The entry point of kernels that write y in words of four consecutive elements, one word a thread. Such a kernel has
// params.words, the words of y, and defines valuesAt(i): what becomes element i of y, in all lanes; or with WIDE
// elements i .. i + 3. Invocations: lib/invocation.wgsl.

override WIDE: bool = false; // the four elements of a word are neighbours in the inputs too, whole words of them

@compute @workgroup_size(WG)
fn main(thread: Invocation) {
  let word = flatIndex(thread);
  if (word >= params.words) {
    return;
  }
  if (WIDE) {
    y[word] = valuesAt(word * 4);
    return;
  }
  var values = vec4<Elem>();
  for (var e = 0u; e < 4; e++) {
    values[e] = valuesAt(word * 4 + e).x;
  }
  y[word] = values;
}
