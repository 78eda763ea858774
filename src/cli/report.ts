// The JSON of a command that gives a row for each picture: `--json` is one document, its rows a line each as they come;
// `--jsonl` is the rows alone, for what reads a line at a time.
import { jsonText } from "./printable.ts";
import type { Terminal } from "./terminal.ts";

/** What --json and --jsonl say. */
export interface ReportOptions {
  readonly json?: boolean | undefined;
  readonly jsonl?: boolean | undefined;
}

export class Report {
  readonly #terminal: Terminal;
  readonly #options: ReportOptions;
  readonly #head: object;
  #rows = 0;

  /** `head` is what comes before the rows: the model, and what is the same for all of them. */
  constructor(terminal: Terminal, options: ReportOptions, head: object) {
    this.#terminal = terminal;
    this.#options = options;
    this.#head = head;
  }

  /** Whether JSON is asked for, and not text for people. */
  get isJson(): boolean {
    return this.#options.json === true || this.#options.jsonl === true;
  }

  /** Prints a row, where JSON is asked for. */
  row(row: object): void {
    if (this.#options.jsonl) this.#terminal.result(jsonText(row));
    else if (this.#options.json) this.#terminal.write(`${this.#rows === 0 ? this.#opening() : ",\n"}${jsonText(row)}`);
    this.#rows++;
  }

  /** Ends the document with what is known then: the pictures that could not be read, the files that were written. */
  end(tail: object): void {
    if (!this.#options.json || this.#options.jsonl) return;
    this.#terminal.write(`${this.#rows === 0 ? this.#opening() : ""}],${jsonText(tail).slice(1)}\n`);
  }

  #opening(): string {
    const head = jsonText(this.#head).slice(0, -1);
    return `${head}${head === "{" ? "" : ","}"results":[`;
  }
}

/** The whole document at once, for a file. */
export function documentOf(head: object, rows: readonly object[], tail: object): string {
  const texts: string[] = [];
  const page = { write: (text: string) => texts.push(text) } as unknown as Terminal;
  const report = new Report(page, { json: true }, head);
  for (const row of rows) report.row(row);
  report.end(tail);
  return texts.join("");
}
