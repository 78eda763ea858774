// Patterns of a tokenizer.json that would take for ever on a text made for it. A repeat within a repeat, as in (a+)+$,
// tries every way to share a run of letters out: twice as long for each letter more. JavaScript cannot stop a pattern
// that runs, so such are refused. (safe-regex2, which does the same, takes the (?i: of many tokenizers for an error.)

/** What is wrong with a tokenizer's definition of which a pattern has a repeat that holds another one. */
export function endlessPattern(definition: unknown): string | undefined {
  const pattern = [...patternsOf(definition)].find(hasNestedRepeat);
  return pattern && `has the pattern ${pattern}: a repeat in a repeat may run for years`;
}

/** The patterns of a definition. Its vocabulary, which is long, has none. */
function* patternsOf(definition: unknown): Generator<string> {
  if (typeof definition !== "object" || definition === null) return;
  for (const [key, value] of Object.entries(definition)) {
    if (key === "Regex" && typeof value === "string") yield value;
    else if (key !== "vocab" && key !== "merges") yield* patternsOf(value);
  }
}

/** Escapes, classes of characters, what begins and ends a group, repeats, and any other sign. */
const PARTS = /\\[pP]\{[^}]*\}|\\.|\[(?:\\.|[^\]\\])*\]|\(\?|\(|\)|[*+]|\{\d+,?\d*\}|./gsu;

function hasNestedRepeat(pattern: string): boolean {
  /** Of each group that is open, whether it holds a repeat without an end. */
  const groups = [false];
  /** Whether that which stands before, and which a repeat here would repeat, holds one. */
  let holdsRepeat = false;
  for (const [part] of pattern.matchAll(PARTS)) {
    const isRepeat = part === "*" || part === "+" || /^\{\d/.test(part);
    if (isRepeat && holdsRepeat) return true;
    if (part.startsWith("(")) groups.push(false);
    if (isRepeat && !/\d\}$/.test(part)) groups[groups.length - 1] = true;
    holdsRepeat = part === ")" && groups.length > 1 && groups.pop() === true;
    if (holdsRepeat) groups[groups.length - 1] = true;
  }
  return false;
}
