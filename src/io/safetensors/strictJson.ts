// A strict JSON parser for safetensors headers. JSON.parse is not enough: it lets the last of two equal names win,
// turns 4.0 and 4 into the same number, rounds integers beyond 2^53 and gives objects a "__proto__". Here objects are
// Maps, integers are bigints, equal names are refused, and nesting is limited (all as strict as Rust's serde_json, or
// more).

/** A parsed value: objects as Map, integers as bigint, other numbers as number. */
export type StrictJson = null | boolean | bigint | number | string | StrictJson[] | Map<string, StrictJson>;

const MAX_DEPTH = 127; // serde_json's recursion limit
/** Values in a text, of some 150,000 tensors: what has more, in up to 100 MB, would take many seconds to refuse. */
const MAX_VALUES = 1_000_000;
const SPACE = /[ \t\n\r]*/y;
const WORD = /null|true|false/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const INTEGER = /^-?\d{1,20}$/; // as far as u64 goes; longer ones become floats, as in serde_json
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Parses JSON text. Throws SyntaxError with a position, in words for the caller to complete. */
export function parseStrictJson(text: string): StrictJson {
  return new Parser(text).document();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #values = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): StrictJson {
    const value = this.#value(0);
    this.#take(SPACE);
    if (this.#at < this.#text.length) this.#fail("unexpected text after the end");
    return value;
  }

  #value(depth: number): StrictJson {
    if (++this.#values > MAX_VALUES) this.#fail(`more than ${MAX_VALUES} values`);
    this.#take(SPACE);
    const next = this.#text[this.#at];
    if (next === "{") return this.#object(depth + 1);
    if (next === "[") return this.#array(depth + 1);
    if (next === '"') return this.#string();
    const word = this.#take(WORD);
    return word === undefined ? this.#number() : word === "null" ? null : word === "true";
  }

  #object(depth: number): Map<string, StrictJson> {
    const map = new Map<string, StrictJson>();
    this.#items("}", depth, () => {
      this.#take(SPACE);
      const at = this.#at;
      const name = this.#string();
      if (map.has(name)) this.#fail(`the name ${JSON.stringify(name.slice(0, 200))} occurs twice`, at);
      this.#take(SPACE);
      if (this.#text[this.#at] !== ":") this.#fail('expected ":"');
      this.#at++;
      map.set(name, this.#value(depth));
    });
    return map;
  }

  #array(depth: number): StrictJson[] {
    const list: StrictJson[] = [];
    this.#items("]", depth, () => list.push(this.#value(depth)));
    return list;
  }

  /** The part that objects and arrays share: brackets, commas, and no comma before the end. */
  #items(close: string, depth: number, item: () => void): void {
    if (depth > MAX_DEPTH) this.#fail("nested too deeply");
    this.#at++;
    this.#take(SPACE);
    if (this.#text[this.#at] === close) {
      this.#at++;
      return;
    }
    for (;;) {
      item();
      this.#take(SPACE);
      const next = this.#text[this.#at];
      if (next !== "," && next !== close) this.#fail(`expected "," or "${close}"`);
      this.#at++;
      if (next === close) return;
    }
  }

  #string(): string {
    const at = this.#at;
    const end = this.#endOfString();
    const raw = this.#text.slice(at, end);
    this.#at = end;
    let value = "";
    try {
      value = raw.includes("\\") ? JSON.parse(raw) : raw.slice(1, -1);
    } catch {
      this.#fail("bad escape in a string", at);
    }
    if (LONE_SURROGATE.test(value)) this.#fail("half a surrogate pair in a string", at);
    return value;
  }

  /** Position after the closing quote. A loop, as a regular expression may overflow on a hostile 100 MB string. */
  #endOfString(): number {
    if (this.#text.charCodeAt(this.#at) !== QUOTE) this.#fail("expected a string");
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === QUOTE) return at + 1;
      if (code === BACKSLASH) at++;
      else if (code < 0x20) this.#fail("raw control character in a string", at);
    }
    return this.#fail("a string without an end");
  }

  #number(): bigint | number {
    const at = this.#at;
    const raw = this.#take(NUMBER);
    if (raw === undefined) this.#fail("expected a value");
    const number = INTEGER.test(raw) && raw !== "-0" ? BigInt(raw) : Number(raw);
    if (number === Infinity || number === -Infinity) this.#fail("number out of range", at);
    return number;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const token = pattern.exec(this.#text)?.[0];
    this.#at += token?.length ?? 0;
    return token;
  }

  #fail(what: string, at = this.#at): never {
    throw new SyntaxError(`${what} at character ${at}`);
  }
}
