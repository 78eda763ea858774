// Makes WGSL short for the package: no comments, no needless spaces, and short names for what only shaders know.
//
// There is one table of names for all shaders, in which no two names get the same one and no new name is in use
// already: shaders that share functions stay in step, and nothing is captured or hidden by it. A name is in the table
// when a shader declares it, unless the host says it (overrides, top-level alias and const lines, entry points,
// bindings) or WGSL does. A name of WGSL's that RESERVED forgets does not compile, which test/minifyWgsl.test.ts sees.

const TOKEN = /\s+|\/\/.*|[A-Za-z_]\w*|\.?\d(?:[eEpP][+-]|[\w.])*|./g;
const NAME = /^[A-Za-z_]/;
const WORD = /^[\w.]/;
const OPERATOR = /^[-+*/%<>=!&|^~]/;
const LETTERS = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"];

/** Names of WGSL's that a shader may declare too, as a local or a member: functions, members of results, keywords. */
const RESERVED = new Set(
  `abs acos all any asin atan ceil clamp cos cosh cross degrees determinant distance dot exp exp2 floor fma fract
  length log log2 max min mix modf normalize pow radians reflect refract round select sign sin sinh smoothstep sqrt
  step tan tanh transpose trunc whole as do fn if in is of or`.split(/\s+/),
);
const SWIZZLE = /^([xyzw]{1,4}|[rgba]{1,4})$/;

/** A shader's tokens without comments: what each says, whether a gap comes before it, and in how many braces it is. */
function tokensOf(source) {
  const tokens = [];
  let isApart = false;
  let depth = 0;
  for (const [text] of source.matchAll(TOKEN)) {
    const isGap = /^(\s|\/\/)/.test(text);
    if (!isGap) {
      if (text === "}") depth--;
      tokens.push({ text, isApart, depth });
      if (text === "{") depth++;
    }
    isApart = isGap;
  }
  return tokens;
}

/** The name that a declaration at a token gives, behind a `<…>` if it has one. */
function nameAfter(tokens, at) {
  const isTemplate = tokens[at + 1].text === "<";
  return tokens[isTemplate ? tokens.findIndex(({ text }, i) => i > at && text === ">") + 1 : at + 1].text;
}

/** Puts what a shader declares into two sets: what it alone knows, and what the host says too. */
function declarations(tokens, own, hosts) {
  let isStruct = false;
  let isHosts = false; // an entry point or a binding
  for (const [i, { text, depth }] of tokens.entries()) {
    const before = tokens[i - 1]?.text;
    const after = tokens[i + 1]?.text;
    if (depth === 0 && text === "@" && /^(compute|group)$/.test(after)) isHosts = true;
    if (depth === 0 && text === "struct") isStruct = true;
    if (/^(override|alias|const)$/.test(text) && depth === 0) hosts.add(nameAfter(tokens, i));
    else if (/^(fn|struct|let|var|const)$/.test(text)) (isHosts && depth === 0 ? hosts : own).add(nameAfter(tokens, i));
    else if (after === ":" && NAME.test(text) && (isStruct || /^[(,)]$/.test(before))) own.add(text);
    if (depth === 0 && /^[;{}]$/.test(text)) isHosts = false;
    if (depth === 0 && text === "}") isStruct = false;
  }
}

/** The table of names for shaders that belong together: the most frequent get the shortest. */
export function shaderNames(sources) {
  const own = new Set();
  const hosts = new Set();
  const counts = new Map();
  for (const tokens of sources.map(tokensOf)) {
    declarations(tokens, own, hosts);
    for (const { text } of tokens) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const isFree = (name) => !hosts.has(name) && !RESERVED.has(name) && !SWIZZLE.test(name);
  const long = [...own].filter((name) => isFree(name) && name.length > 1);
  long.sort((a, b) => counts.get(b) - counts.get(a));
  const pairs = LETTERS.flatMap((first) => LETTERS.map((second) => first + second));
  const short = [...LETTERS, ...pairs].filter((name) => isFree(name) && !counts.has(name));
  return new Map(long.map((name, i) => [name, short[i] ?? name]));
}

/** A shader in few bytes; top-level alias and const lines stay lines, as the host replaces their right-hand sides. */
export function minifyWgsl(source, names = new Map()) {
  let made = "";
  let last = "";
  for (const { text, isApart, depth } of tokensOf(source)) {
    if (depth === 0 && /^(alias|const|override)$/.test(text) && made) made += "\n";
    else if (isApart && [WORD, OPERATOR].some((kind) => kind.test(last) && kind.test(text))) made += " ";
    made += last === "@" ? text : (names.get(text) ?? text); // attributes are WGSL's
    last = text;
  }
  return `${made}\n`;
}
