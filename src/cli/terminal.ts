// What a command says: results on stdout; notes, warnings and progress bars on stderr, bars only where that is a
// terminal.
import { writeSync } from "node:fs";
import { clearLine, cursorTo } from "node:readline";
import { isatty, WriteStream } from "node:tty";
import { SingleBar } from "cli-progress";
import { printable, printableLine } from "./printable.ts";

/** A bar, or nothing where there is no terminal to draw it on. */
export interface Progress {
  /** Sets what is done and, where it has changed, how much there is to do. */
  update(done: number, total?: number): void;
  stop(): void;
}

/** How amounts are written beside a bar; frames with how many are done in a second. */
export type Unit = "count" | "bytes" | "frames";

// Characters that no text has stand for styles until the text was made safe.
const [BOLD, DIM, PLAIN] = ["\ufdd0", "\ufdd1", "\ufdd2"];
const MARKS = /[\ufdd0-\ufdd2]/g;
const CODES: Readonly<Record<string, string>> = { [BOLD]: "\x1b[1m", [DIM]: "\x1b[2m", [PLAIN]: "\x1b[22m" };

export class Terminal {
  readonly isQuiet: boolean;
  readonly #fd: number;
  readonly #screen: WriteStream | undefined;
  readonly #hasColours: boolean;
  #bar: SingleBar | undefined;

  /** `fd` is the file descriptor for notes: 2, or another one where a launcher filters that one. */
  constructor({ isQuiet = false, fd = 2 }: { isQuiet?: boolean; fd?: number } = {}) {
    this.isQuiet = isQuiet;
    this.#fd = fd;
    this.#screen = isatty(fd)
      ? fd === 2
        ? (process.stderr as unknown as WriteStream)
        : new WriteStream(fd)
      : undefined;
    this.#hasColours = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb";
  }

  /** A result, on stdout. */
  result(text: string): void {
    this.write(`${text}\n`);
  }

  /** A part of a result. */
  write(text: string): void {
    if (process.stdout.isTTY) this.#makeRoom();
    process.stdout.write(this.#styled(text));
  }

  /** Something good to know; --quiet leaves it out. */
  note(text: string): void {
    if (!this.isQuiet) this.error(text);
  }

  /** Something that the user must know. */
  error(text: string): void {
    this.#makeRoom();
    if (this.#screen) this.#screen.write(`${this.#styled(text)}\n`);
    else writeSync(this.#fd, `${this.#styled(text)}\n`);
  }

  /** Something that went wrong with one of many; the others go on. */
  warn(text: string): void {
    this.error(`warning: ${printableLine(text)}`);
  }

  bold(text: string): string {
    return this.#hasColours ? `${BOLD}${printableLine(text)}${PLAIN}` : printableLine(text);
  }

  dim(text: string): string {
    return this.#hasColours ? `${DIM}${printableLine(text)}${PLAIN}` : printableLine(text);
  }

  /** Escape codes are our own alone: what text brings along is shown, not obeyed. */
  #styled(text: string): string {
    const shown = printable(text);
    return this.#hasColours ? shown.replace(MARKS, (mark) => CODES[mark] ?? "") : shown;
  }

  /** Clears the line of the bar, which draws itself again below. */
  #makeRoom(): void {
    if (!this.#bar || !this.#screen) return;
    clearLine(this.#screen, 0);
    cursorTo(this.#screen, 0);
  }

  /** Starts a bar; the one before it ends. It appears with the first update, and goes when it is stopped. */
  progress(label: string, total: number, unit: Unit = "count"): Progress {
    this.#bar?.stop();
    this.#bar = undefined;
    if (!this.#screen || this.isQuiet) return { update: () => {}, stop: () => {} };
    const bar = makeBar(printableLine(label), this.#screen, unit);
    bar.start(total, 0);
    this.#bar = bar;
    return {
      update: (done, newTotal) => {
        if (newTotal !== undefined && newTotal !== bar.getTotal()) bar.setTotal(newTotal);
        bar.update(done);
      },
      stop: () => {
        bar.stop();
        if (this.#bar === bar) this.#bar = undefined;
      },
    };
  }

  /** Ends the bar that is on the screen. */
  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

function makeBar(label: string, stream: NodeJS.WritableStream, unit: Unit): SingleBar {
  return new SingleBar({
    stream,
    format: (_options, { progress, value, total, eta, startTime }) => {
      const seconds = (Date.now() - startTime) / 1000;
      return `${label} ${barText({ progress, value, total, eta, seconds }, unit)}`;
    },
    clearOnComplete: true,
    hideCursor: true,
    fps: 10,
    gracefulExit: false,
  });
}

/** How far something is. */
export interface BarState {
  /** From 0 to 1. */
  readonly progress: number;
  readonly value: number;
  /** 0 where nobody knows. */
  readonly total: number;
  /** Seconds that are left; no number where that cannot be told yet. */
  readonly eta: number | string;
  /** Since it began. */
  readonly seconds: number;
}

/** What stands behind a bar's label: the bar, the amount, how fast it grows, and what is left. */
export function barText({ progress, value, total, eta, seconds }: BarState, unit: Unit): string {
  const size = 24;
  const full = Math.round(Math.min(1, progress) * size);
  const bar = total > 0 ? `${"█".repeat(full)}${"░".repeat(size - full)} ` : "";
  const amount = (count: number) => (unit === "bytes" ? `${(count / 1e6).toFixed(1)} MB` : String(count));
  const all = total > 0 ? `${amount(value)} of ${amount(total)}` : amount(value);
  const rate = unit === "frames" && value > 0 && seconds > 0 ? `, ${(value / seconds).toFixed(1)} frames/s` : "";
  const rest =
    value < total && typeof eta === "number" && Number.isFinite(eta) ? `, ${duration(Math.ceil(eta))} left` : "";
  return `${bar}${all}${rate}${rest}`;
}

/** 75 as "1 min 15 s". */
function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds} s`;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes} min ${seconds % 60} s` : `${hours} h ${minutes % 60} min`;
}
