// The tables of README.md and bench/results/README.md, made of the reports in bench/results.
export function writeTables(): void {
  throw new Error("no tables yet");
}
