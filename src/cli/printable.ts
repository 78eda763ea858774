// Text from outside (names of files, labels, what servers say) on its way to a terminal, which obeys control characters
// and may reverse the direction of writing: both are shown as escapes instead.

const CONTROLS = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line without a control character. */
export function printableLine(text: string): string {
  return text.replace(CONTROLS, (sign) => NAMED[sign] ?? escaped(sign));
}

/** Lines without a control character. */
export function printable(text: string): string {
  return text.split("\n").map(printableLine).join("\n");
}

/** JSON that is safe to look at: it escapes line breaks by itself, but not all that terminals obey. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(CONTROLS, (sign) => {
    return sign === "\n" ? sign : `\\u${hex(sign, 4)}`;
  });
}

function escaped(sign: string): string {
  return sign.charCodeAt(0) < 0x100 ? `\\x${hex(sign, 2)}` : `\\u${hex(sign, 4)}`;
}

function hex(sign: string, digits: number): string {
  return sign.charCodeAt(0).toString(16).padStart(digits, "0");
}
