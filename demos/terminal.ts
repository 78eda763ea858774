// How the demos write: headings, bars, and how long each step took.

export interface Step {
  readonly name: string;
  readonly ms: number;
  /** Things that were done in it. */
  readonly count: number;
}

/** Runs steps and notes how long each took. */
export class Stopwatch {
  readonly steps: Step[] = [];

  async run<T>(name: string, work: () => Promise<T>, count = 1): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.steps.push({ name, ms: performance.now() - start, count });
    return result;
  }

  print(): void {
    console.log(`\n${bold("Time")}`);
    const width = Math.max(...this.steps.map(({ name }) => name.length));
    for (const { name, ms, count } of this.steps) {
      const each = count > 1 ? dim(`${(ms / count).toFixed(0)} ms each`) : "";
      console.log(`  ${name.padEnd(width)}  ${`${ms.toFixed(0)} ms`.padStart(8)}  ${each}`.trimEnd());
    }
  }
}

export function bar(share: number): string {
  const full = Math.round(Math.max(0, share) * 16) || 0;
  return "█".repeat(full).padEnd(16, "·");
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

export function bold(text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[1m${text}\x1b[22m` : text;
}

export function dim(text: string): string {
  return process.stdout.isTTY && !process.env.NO_COLOR && text ? `\x1b[2m${text}\x1b[22m` : text;
}
