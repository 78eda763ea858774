// Loops of constant length. Compilers of GPUs should see it: they unroll the loop, and keep its arrays in registers.
// Those of CPU adapters take seconds for that, ten where there are barriers, and the code is no faster.

const UNROLL = true; // false for CPU adapters

// n turns of a loop; `some` is a number above 0 that only the host knows.
fn turns(n: u32, some: u32) -> u32 {
  return select(n * min(some, 1u), n, UNROLL);
}
