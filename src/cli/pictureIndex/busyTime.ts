// How long something was busy, of steps that overlap and come in about their order.
import type { EncodeStep } from "../../pictures/pictureRuns.ts";

type Span = { readonly startMs: number; endMs: number };

/** Steps come within this of their end, so that what ended longer ago is complete. */
const LATE_MS = 60_000;

export class BusyTime {
  #doneMs = 0;
  /** Stretches that further steps may still be part of, in order and apart from each other. */
  #open: Span[] = [];

  add({ startMs, endMs }: Pick<EncodeStep, "startMs" | "endMs">): void {
    const merged: Span[] = [];
    for (const span of [...this.#open, { startMs, endMs }].sort((a, b) => a.startMs - b.startMs)) {
      const last = merged.at(-1);
      if (last && span.startMs <= last.endMs) last.endMs = Math.max(last.endMs, span.endMs);
      else merged.push({ ...span });
    }
    const isOver = (span: Span) => span.endMs < endMs - LATE_MS;
    for (const span of merged.filter(isOver)) this.#doneMs += span.endMs - span.startMs;
    this.#open = merged.filter((span) => !isOver(span));
  }

  /** Milliseconds in which some step was under way. */
  get ms(): number {
    return this.#open.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, this.#doneMs);
  }
}
