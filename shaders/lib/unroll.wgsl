// Loops of constant length. Compilers of GPUs should see it: they unroll the loop, and keep its arrays in registers.
// Those of CPU adapters take seconds for that, ten where there are barriers, and the code is no faster.
// Chromium counts the turns of a loop that ends at anything but a constant, to be sure that it ends, which keeps some
// compilers of GPUs from unrolling it, and takes registers. Where that matters a loop ends at a constant END, which is
// beyond reach for CPU adapters, and `if (!UNROLL && i >= turns(…)) { break; }` is their way out.

const UNROLL = true; // false for CPU adapters

// n turns of a loop; `some` is a number above 0 that only the host knows.
fn turns(n: u32, some: u32) -> u32 {
  return select(n * min(some, 1u), n, UNROLL);
}
