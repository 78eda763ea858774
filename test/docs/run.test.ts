// Runs the documentation: every program in Node or Chromium, every command of ours in a shell. Nothing is passed over:
// what is only looked up says so.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adapterVariables } from "../../src/cli/adapter.ts";
import { type Ran, ran } from "../package/ran.ts";
import { commandsOf, PAGES, programsOf } from "./blocks.ts";
import { judge } from "./commands.ts";
import { bundleProgram, Workplace } from "./workplace.ts";

let place: Workplace;
let variables: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  place = await Workplace.make();
  variables = { ...place.variables, ...(await adapterVariables({ isQuiet: true })) };
});

afterAll(() => place.remove());

/** Runs a command in the workplace, until the signal, and gives its exit code and all that it printed. */
function run(program: string, args: readonly string[], signal: AbortSignal): Promise<Ran> {
  return ran(program, args, { cwd: place.folder, env: { ...process.env, NO_COLOR: "1", ...variables }, signal });
}

describe("programs", () => {
  const programs = PAGES.flatMap(programsOf).filter(({ where }) => where === "node");

  it.for(programs.map((program, i) => [program.name, program, i] as const))(
    "%s runs in Node",
    async ([_, program, i], { signal }) => {
      const path = await bundleProgram(program, i);
      const { code, output } = await run(process.execPath, ["--enable-source-maps", path], signal);
      expect(code, output).toBe(0);
    },
  );
});

describe("commands", () => {
  const commands = PAGES.flatMap(commandsOf).map(({ name, command }) => ({ name, command, ...judge(command) }));

  it("that are only looked up", () => {
    const looked = commands.filter(({ run: isRun }) => !isRun);
    for (const { name, command, looked: what, fault } of looked) {
      console.log(`${name}: ${command}: not run, ${fault ?? what}`);
    }
    expect(looked.filter(({ fault }) => fault)).toEqual([]);
  });

  const ours = commands.filter(({ run: isRun }) => isRun);
  it.for(ours.map(({ name, command }) => [name, command] as const))("%s: %s", async ([_, command], { signal }) => {
    const { code, output } = await run("/bin/sh", ["-c", command], signal);
    expect(code, output).toBe(0);
  });
});
