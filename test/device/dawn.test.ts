// Node's event loop while the GPU works: it turns seldom, and no slower than that for what else is done.
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { joinedFlags, restWhile } from "../../src/device/dawn.ts";
import { testDevice } from "../adapters.ts";

const later = (ms: number) => new Promise<string>((resolve) => setTimeout(() => resolve("done"), ms));

/** Turns of the event loop until the promise settles. */
async function turnsDuring(promise: Promise<unknown>, work: () => void = () => {}): Promise<number> {
  let [turns, isSettled] = [0, false];
  const settled = () => {
    isSettled = true;
  };
  promise.then(settled, settled);
  while (!isSettled) {
    await turn();
    work();
    turns++;
  }
  return turns;
}

function busy(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

it("gives Dawn one flag of each name, as it would take the first of two", () => {
  const flags = ["disable-dawn-features=a", "enable-dawn-features=b,c", "verbose", "disable-dawn-features=d"];
  expect(joinedFlags(flags)).toEqual(["disable-dawn-features=a,d", "enable-dawn-features=b,c", "verbose"]);
});

it("turns the event loop far less often than it could", async () => {
  const free = await turnsDuring(later(200));
  expect(await turnsDuring(restWhile(later(200)))).toBeLessThan(free / 4);
});

it("does not nap beside other work", async () => {
  const free = await turnsDuring(later(200), () => busy(0.5));
  expect(await turnsDuring(restWhile(later(200)), () => busy(0.5))).toBeGreaterThan(free / 2);
});

it("gives what the promise gives, and ends with it", async () => {
  expect(await restWhile(later(1))).toBe("done");
  await expect(restWhile(Promise.reject(new RangeError("no")))).rejects.toThrow("no");
  await turn();
  const free = await turnsDuring(later(200));
  expect(free).toBeGreaterThan((await turnsDuring(restWhile(later(200)))) * 4);
});

it("lets the device tell when it is done", async () => {
  const device = await testDevice();
  expect(await device.done()).toBeUndefined();
});
