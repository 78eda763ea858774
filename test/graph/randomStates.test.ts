// Random graphs (seeded) with states, bound inputs and bound outputs, run three times each, against the same program
// on the CPU: a slot that is used again too early, or a state that is read or written in the wrong order, changes a
// number.
import { expect, it } from "vitest";
import type { Device } from "../../src/device/device.ts";
import { random } from "../../src/device/random.ts";
import type { Tensor } from "../../src/device/tensor.ts";
import type { Graph, Value } from "../../src/graph/graph.ts";
import * as ops from "../../src/graph/ops.ts";
import { testDevice } from "../adapters.ts";
import { expectClose, f32, numbers, prepare } from "./prepare.ts";

const [ROWS, COLUMNS] = [4, 8];
const COUNT = ROWS * COLUMNS;
const STATES = ["memory", "other"];

/** A value of the graph, and how the CPU reads it when the program has come to it. */
interface Entry {
  readonly value: Value;
  readonly read: () => Float32Array;
}

/** A graph as a program of the CPU: what it holds, and what it does in the order of recording. */
class Program {
  readonly inputs: Record<string, Float32Array> = {};
  readonly states = Object.fromEntries(STATES.map((name) => [name, new Float32Array(COUNT)]));
  readonly outputs: Record<string, () => Float32Array> = {};
  readonly boundOutputs: string[] = [];
  readonly lengths: Record<string, number> = {};
  readonly steps: (() => void)[] = [];
  readonly atEnd: (() => void)[] = [];
}

/** Records the same into the graph and the program. */
function record(graph: Graph, program: Program, seed: number): void {
  const next = random(seed);
  const pick = <T>(from: readonly T[]) => from[Math.floor(next() * from.length)] as T;
  const entries: Entry[] = ["a", "b"].map((name) => ({
    value: graph.input(name, f32(ROWS, COLUMNS), { bound: name === "b" }),
    read: () => program.inputs[name] as Float32Array,
  }));
  const states: Entry[] = STATES.map((name) => ({
    value: graph.state(name, f32(ROWS, COLUMNS)),
    read: () => program.states[name] as Float32Array,
  }));
  entries.push(...states);
  const recorded: Entry[] = [];
  const add = (value: Value, compute: () => Float32Array) => {
    let result: Float32Array = new Float32Array(0);
    program.steps.push(() => {
      result = compute();
    });
    const entry = { value, read: () => result };
    recorded.push(entry);
    entries.push(entry);
  };
  const assigned = new Set<Entry>();
  const makers = [
    () => {
      const x = pick(entries);
      add(ops.unary({ x: x.value }, { kind: "relu" }), () => x.read().map((value) => Math.max(0, value)));
    },
    () => {
      const [a, b] = [pick(entries), pick(entries)];
      add(ops.binary({ a: a.value, b: b.value }, { op: "mul" }), () =>
        a.read().map((value, i) => value * (b.read()[i] as number)),
      );
    },
    () => {
      const [a, b] = [pick(entries), pick(entries)];
      const joined = ops.concat(
        { a: a.value, b: graph.reshape(graph.reshape(b.value, [COUNT]), [ROWS, COLUMNS]) },
        { axis: 0 },
      );
      add(ops.narrow({ x: joined }, { axis: 0, start: 2, length: ROWS }), () =>
        Float32Array.of(...a.read().slice(2 * COLUMNS), ...b.read().slice(0, 2 * COLUMNS)),
      );
    },
    () => {
      const x = pick(entries);
      const { values } = ops.topK({ x: x.value }, { k: COLUMNS });
      add(values, () => {
        const rows = Array.from({ length: ROWS }, (_, row) => x.read().slice(row * COLUMNS, (row + 1) * COLUMNS));
        return Float32Array.from(rows.flatMap((row) => [...row.sort((a, b) => b - a)]));
      });
    },
    () => {
      const [state, rows] = [pick(states), pick(entries)];
      if (assigned.has(state) || rows === state) return;
      const name = `at${Object.keys(program.lengths).length}`;
      program.lengths[name] = 0;
      const count = 1 + Math.floor(next() * ROWS);
      ops.writeRows(
        { state: state.value, rows: graph.firstRows(rows.value, count) },
        { at: graph.length(name, ROWS - count) },
      );
      program.steps.push(() => {
        const at = Math.min(ROWS - count, program.lengths[name] as number);
        program.lengths[name] = at;
        state.read().set(rows.read().slice(0, count * COLUMNS), at * COLUMNS);
      });
    },
    () => {
      const state = pick(states);
      const source = pick([...recorded, ...entries.slice(0, 2)]);
      if (assigned.has(state) || next() < 0.5) return;
      assigned.add(state);
      graph.assign(state.value, source.value);
      program.atEnd.push(() => state.read().set(source.read()));
    },
  ];
  const count = 2 + Math.floor(next() * 16);
  for (let i = 0; i < count; i++) pick(makers)();
  for (const [i, entry] of recorded.entries()) {
    if (next() < 0.6) continue;
    const bound = next() < 0.5;
    graph.output(`y${i}`, entry.value, { bound });
    if (bound) program.boundOutputs.push(`y${i}`);
    program.outputs[`y${i}`] = entry.read;
  }
  graph.output("a", (entries[0] as Entry).value);
  program.outputs.a = () => program.inputs.a as Float32Array;
}

const clone = (device: Device, data: Float32Array): Tensor => device.upload(f32(ROWS, COLUMNS), data);

async function check(device: Device, seed: number): Promise<number> {
  const program = new Program();
  using prepared = await prepare(device, (graph) => record(graph, program, seed));
  const { executor } = prepared;
  const { plan } = executor;
  const outputs = program.boundOutputs.map((name) => [name, device.createTensor(f32(ROWS, COLUMNS))] as const);
  const held: Tensor[] = outputs.map(([, tensor]) => tensor);
  for (let run = 0; run < 3; run++) {
    for (const [i, name] of ["a", "b"].entries()) program.inputs[name] = numbers(COUNT, 100 * seed + 10 * run + i);
    for (const [i, name] of Object.keys(program.lengths).entries()) program.lengths[name] = (seed + run + i) % ROWS;
    for (const step of [...program.steps, ...program.atEnd]) step();
    const given = { a: program.inputs.a as Float32Array };
    const b = clone(device, program.inputs.b as Float32Array);
    held.push(b);
    const bindings = Object.fromEntries([["b", b] as const, ...outputs].filter(([name]) => plan.bound.has(name)));
    const lengths = Object.fromEntries([...plan.lengths.keys()].map((name) => [name, program.lengths[name] as number]));
    const results = await executor.run(given, { bindings, lengths });
    for (const [name, read] of Object.entries(program.outputs)) {
      const tensor = outputs.find(([bound]) => bound === name)?.[1];
      const got = tensor ? new Float32Array(await device.read(tensor)) : results[name]?.data;
      expectClose(got && { data: got, shape: [ROWS, COLUMNS] }, read());
    }
    for (const name of STATES.filter((state) => plan.bound.has(state))) {
      const state = { ...f32(ROWS, COLUMNS), buffer: executor.state(name) };
      const data = new Float32Array(await device.read(state));
      expectClose({ data, shape: state.shape }, program.states[name] as Float32Array);
    }
  }
  for (const { buffer } of held) device.free(buffer);
  return plan.copies.length;
}

it("give what the CPU gives, run after run, and leave nothing behind", async () => {
  const device = await testDevice();
  void device.zero;
  const before = { ...device.memory };
  let copies = 0;
  for (let seed = 0; seed < 60; seed++) {
    try {
      copies += await check(device, seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`, { cause: error });
    }
  }
  expect(copies).toBeGreaterThan(0);
  expect(device.memory).toMatchObject({ bytes: before.bytes, buffers: before.buffers });
});
