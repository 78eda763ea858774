// Makes WGSL short for the package: no comments, no needless spaces, and short names for what only shaders know.
//
// What modules declare (functions, structs, their members, variables) is renamed by one table for all shaders, so that
// those that share functions stay in step; what a function declares, by a table of that function. No two names of a
// table become the same one, and no new name is in use where it goes, so nothing is captured or hidden. A name stays
// when the host says it (overrides, top-level alias and const lines, entry points) or WGSL does; bindings have numbers.
// A name of WGSL's that RESERVED forgets does not compile, which test/minifyWgsl.test.ts sees.

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

/** Single letters may be names of functions' own all the same: a swizzle stands behind a dot. */
function isReserved(name) {
  return RESERVED.has(name) || (name.length > 1 && SWIZZLE.test(name));
}

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

/** Names that tokens declare: each with its place, and whether a function, a struct or the module does. */
function* declarations(tokens) {
  let inStruct = false;
  let isHosts = false; // an entry point
  for (const [at, { text, depth }] of tokens.entries()) {
    const before = tokens[at - 1]?.text;
    const after = tokens[at + 1]?.text;
    const isTop = depth === 0;
    if (isTop && text === "@" && after === "compute") isHosts = true;
    if (isTop && text === "struct") inStruct = true;
    if (/^(override|alias|const)$/.test(text) && isTop) yield { name: nameAfter(tokens, at), by: "host" };
    else if (/^(fn|struct)$/.test(text) || (text === "var" && isTop))
      yield { name: nameAfter(tokens, at), by: isHosts ? "host" : "module" };
    else if (/^(let|var|const)$/.test(text)) yield { name: nameAfter(tokens, at), by: "function" };
    else if (after === ":" && NAME.test(text) && inStruct) yield { name: text, by: "member" };
    else if (after === ":" && NAME.test(text) && /^[(,)]$/.test(before)) yield { name: text, by: "function" };
    if (isTop && /^[;{}]$/.test(text)) isHosts = false;
    if (isTop && text === "}") inStruct = false;
  }
}

/** What a set of shaders that belong together declares, and the table of the names of their modules. */
export function shaderNames(sources) {
  const said = { host: new Set(), module: new Set(), member: new Set(), function: new Set() };
  const counts = new Map();
  for (const tokens of sources.map(tokensOf)) {
    for (const { name, by } of declarations(tokens)) said[by].add(name);
    for (const { text } of tokens) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const all = new Set([...said.module, ...said.member]);
  const long = [...all].filter((name) => name.length > 2 && !said.host.has(name) && !isReserved(name));
  long.sort((a, b) => counts.get(b) - counts.get(a));
  // Pairs of letters; single ones are for what functions declare.
  const pairs = LETTERS.flatMap((first) => LETTERS.map((second) => first + second));
  const short = pairs.filter((name) => !counts.has(name) && !isReserved(name));
  return { table: new Map(long.map((name, i) => [name, short[i] ?? name])), ...said };
}

/** The table of what a function declares and no module does; `tokens` are the function's. */
function localNames(tokens, names) {
  const isLocal = (name) => !names.host.has(name) && !names.module.has(name) && !isReserved(name);
  const locals = new Set([...declarations(tokens)].filter(({ by }) => by === "function").map(({ name }) => name));
  const long = [...locals].filter(isLocal);
  const stays = tokens
    .filter(({ text }, i) => tokens[i - 1]?.text !== "." && !long.includes(text))
    .map(({ text }) => text);
  const taken = new Set(stays.map((text) => names.table.get(text) ?? text));
  const short = LETTERS.filter((name) => !taken.has(name));
  return new Map(long.slice(0, short.length).map((name, i) => [name, short[i]]));
}

/** The tokens with their new names. Behind a dot is a member, and behind an @ a word of WGSL's. */
function renamed(tokens, names) {
  let locals = new Map();
  return tokens.map((token, at) => {
    const before = tokens[at - 1]?.text;
    if (token.depth === 0 && token.text === "fn") {
      const end = tokens.findIndex(({ text, depth }, i) => i > at && text === "}" && depth === 0);
      locals = localNames(tokens.slice(at, end + 1), names);
    } else if (token.depth === 0 && token.text === "}") locals = new Map();
    if (before === "@") return token;
    const local = before === "." ? undefined : locals.get(token.text);
    return { ...token, text: local ?? names.table.get(token.text) ?? token.text };
  });
}

/** WGSL's second names of types of f32, and lists without a last comma. */
export function shortForms(code) {
  return code.replace(/\b(vec[234]|mat[234]x[234])<f32>/g, "$1f").replace(/,(?=\s*[)}\]])/g, "");
}

/** A shader in few bytes; top-level alias and const lines stay lines, as the host replaces their right-hand sides. */
export function minifyWgsl(source, names = shaderNames([])) {
  let minified = "";
  let last = "";
  for (const { text, isApart, depth } of renamed(tokensOf(source), names)) {
    if (depth === 0 && /^(alias|const|override)$/.test(text) && minified) minified += "\n";
    else if (isApart && [WORD, OPERATOR].some((kind) => kind.test(last) && kind.test(text))) minified += " ";
    minified += text;
    last = text;
  }
  return `${shortForms(minified)}\n`;
}
