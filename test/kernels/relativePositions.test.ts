import type { Launch } from "../../src/kernels/kernel.ts";
import { relativePositionsVariants } from "../../src/kernels/relativePositions.ts";
import { relativePositionsSuite } from "../../src/verify/relativePositions.ts";
import { kernelTest } from "./kernelTest.ts";

/** The same launch by threads that load for themselves; they stand twice as far along a line as those of a subgroup. */
function threads({ lib: _, ...launch }: Launch): Launch {
  const { types, overrides } = relativePositionsVariants.threads();
  return { ...launch, types: { ...launch.types, ...types }, overrides };
}

kernelTest(relativePositionsSuite, { threads });
