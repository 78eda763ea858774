// Safetensors files that are right or nearly so: a layout of tensors of every type, changed in its structure, its text
// or its bytes, drawn from a seed. `safetensorsPython.test.ts` says which of them Python's reader takes.
import { random } from "../../src/device/random.ts";
import { bitsOf, STORED_DTYPES } from "../../src/io/safetensors/dtypes.ts";

export const CRAFTED_FILES = 6000;

/** A tensor of a header; its values are JSON as text, so that they can be anything. */
interface Entry {
  name: string;
  fields: [key: string, value: string][];
}

interface Layout {
  readonly entries: Entry[];
  dataBytes: number;
}

class Draw {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  /** A whole number below `count`. */
  below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** True once in so many times. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }
}

/** Numbers, and what stands in the place of one. */
const NUMBERS = [
  "-1",
  "-0",
  "0",
  "00",
  "1.0",
  "1e0",
  "2E1",
  "0.5",
  "4294967296",
  "9007199254740992",
  "9007199254740993",
  "18446744073709551615",
  "18446744073709551616",
  "99999999999999999999999",
  "1e400",
  "NaN",
  "Infinity",
  "+1",
  "0x10",
  '"4"',
  "null",
  "true",
  "[]",
  "{}",
];
const VALUES = [...NUMBERS, '""', '"F32"', '"f32"', '"F33"', "[0]", "[0,0]", "[[0]]", '{"a":1}', "'F32'", "", "[1,]"];
const NAMES = [
  "a",
  "",
  "\\u0061",
  "\\ud800",
  "\\ud83d\\ude00",
  "é",
  "__metadata__",
  "toString",
  "__proto__",
  "a\\n",
  "a\tb",
];
const METADATA = [
  "{}",
  "null",
  "[]",
  '{"k":"v"}',
  '{"k":1}',
  '{"k":null}',
  '{"k":"v","k":"w"}',
  '{"k":{"a":"b"}}',
  '"k"',
];
const EXTRA: [string, string][] = [
  ["extra", "1"],
  ["dtype", '"F32"'],
  ["shape", "[0]"],
  ["data_offsets", "[0,0]"],
  ["DTYPE", '"F32"'],
];
const SIGNS = '{}[]",:0123456789\\ \n\u0000é-.eE';

/** Tensors of some types that follow one another. */
function layout(draw: Draw): Layout {
  const entries: Entry[] = [];
  let at = 0;
  for (let i = draw.below(5); i >= 0; i--) {
    const dtype = draw.once(2) ? draw.of(["F32", "F16", "BF16", "I64", "U8"] as const) : draw.of(STORED_DTYPES);
    const shape = Array.from({ length: draw.below(4) }, () => draw.of([0, 1, 2, 3, 4, 4, 8]));
    const bits = shape.reduce((product, length) => product * length, bitsOf(dtype));
    const end = at + Math.ceil(bits / 8);
    const fields: Entry["fields"] = [
      ["dtype", `"${dtype}"`],
      ["shape", `[${shape.join(",")}]`],
      ["data_offsets", `[${at},${end}]`],
    ];
    entries.push({ name: `${String.fromCharCode(97 + i)}.weight`, fields });
    at = end;
  }
  return { entries, dataBytes: at };
}

/** Changes of what the header says. */
const CHANGES: readonly ((layout: Layout, draw: Draw) => void)[] = [
  ({ entries }, draw) => {
    draw.of(entries).name = draw.of([...NAMES, draw.of(entries).name]);
  },
  ({ entries }, draw) => {
    const field = draw.of(draw.of(entries).fields);
    field[1] = draw.of(VALUES);
  },
  ({ entries }, draw) => {
    const field = draw.of(draw.of(entries).fields);
    const numbers = field[1].match(/\d+/g)?.length ?? 0;
    const which = draw.below(numbers || 1);
    let i = 0;
    field[1] = field[1].replace(/\d+/g, (number) => {
      if (i++ !== which) return number;
      return draw.once(2) ? draw.of(NUMBERS) : String(Number(number) + draw.below(5) - 2);
    });
  },
  ({ entries }, draw) => {
    const entry = draw.of(entries);
    entry.fields[0] = ["dtype", `"${draw.of(STORED_DTYPES)}"`];
  },
  ({ entries }, draw) => {
    const { fields } = draw.of(entries);
    fields.splice(draw.below(fields.length + 1), draw.once(3) ? 0 : 1);
  },
  ({ entries }, draw) => {
    const { fields } = draw.of(entries);
    fields.splice(draw.below(fields.length + 1), 0, draw.of(EXTRA));
  },
  ({ entries }, draw) => {
    const [from, to] = [draw.of(entries), draw.of(entries)];
    [from.fields, to.fields] = [to.fields, from.fields];
  },
  ({ entries }, draw) => {
    entries.splice(draw.below(entries.length), entries.length > 1 ? 1 : 0);
  },
  ({ entries }, draw) => {
    entries.push(structuredClone(draw.of(entries)));
  },
  ({ entries }, draw) => {
    draw.of(entries).fields.reverse();
  },
  (layout, draw) => {
    layout.dataBytes = Math.max(0, layout.dataBytes + draw.below(9) - 4);
  },
];

/** A header as text, with white space here and there. */
function written({ entries }: Layout, draw: Draw): string {
  const space = () => (draw.once(8) ? draw.of([" ", "\n", "\t", "\r\n", "  "]) : "");
  const object = (fields: readonly (readonly [string, string])[]) => {
    const items = fields.map(([key, value]) => `${space()}"${key}"${space()}:${space()}${value}${space()}`);
    return `{${items.join(",")}}`;
  };
  const all = entries.map(({ name, fields }) => [name, object(fields)] as const);
  if (draw.once(3)) all.splice(draw.below(all.length + 1), 0, ["__metadata__", draw.of(METADATA)]);
  return object(all) + " ".repeat(draw.once(3) ? draw.below(9) : 0);
}

/** A change of the text, which most often is JSON no more. */
function scribbled(text: string, draw: Draw): string {
  const at = draw.below(text.length + 1);
  const kind = draw.below(5);
  if (kind === 0) return text.slice(0, at) + draw.of([...SIGNS]) + text.slice(at + 1);
  if (kind === 1) return text.slice(0, at) + draw.of([...SIGNS]) + text.slice(at);
  if (kind === 2) return text.slice(0, at) + text.slice(at + 1 + draw.below(6));
  if (kind === 3) return draw.of(["\ufeff", " ", "[", "null", "//"]) + text;
  return text + draw.of(["\u0000", "\n", "}", "{}", ",", " x"]);
}

/** A file of a header and so many bytes; its stated length or its bytes may be changed. */
function fileOf(header: string, dataBytes: number, draw: Draw): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  const off = draw.once(20) ? BigInt(draw.below(7) - 3) : 0n;
  const stated = draw.once(100) ? draw.of([0n, 1n << 63n, 100_000_001n]) : BigInt(text.length) + off;
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, stated), true);
  bytes.set(text, 8);
  if (draw.once(20)) bytes[8 + draw.below(text.length)] = 128 + draw.below(128);
  return draw.once(25) ? bytes.subarray(0, draw.below(bytes.length + 1)) : bytes;
}

/** The file of a number, the same each time. */
export function craftedFile(number: number): Uint8Array {
  const draw = new Draw(number);
  const crafted = layout(draw);
  for (let changes = draw.of([0, 1, 1, 1, 2, 2, 3]); changes > 0 && crafted.entries.length > 0; changes--) {
    if (crafted.entries.every(({ fields }) => fields.length > 0)) draw.of(CHANGES)(crafted, draw);
  }
  let header = written(crafted, draw);
  if (draw.once(6)) header = scribbled(header, draw);
  return fileOf(header, crafted.dataBytes, draw);
}
