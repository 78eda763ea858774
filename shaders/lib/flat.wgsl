// The entry point of kernels with one thread for each of params.count results: the kernel's own compute(index) makes
// result `index`. Invocations: lib/invocation.wgsl.

@compute @workgroup_size(WG)
fn main(thread: Invocation) {
  let index = flatIndex(thread);
  if (index < params.count) {
    compute(index);
  }
}
