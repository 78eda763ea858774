// How fast it goes, and how long it will still take.

export class Pace {
  done = 0;
  readonly #count: number | undefined;
  readonly #start = performance.now();

  /** `count` frames; undefined where nobody knows. */
  constructor(count: number | undefined) {
    this.#count = count;
  }

  get share(): number | undefined {
    return this.#count && Math.min(1, this.done / this.#count);
  }

  get #rate(): number {
    return this.done / Math.max(1e-3, (performance.now() - this.#start) / 1000);
  }

  /** A frame more: "12 of 48 frames, 5.3 a second, 7 s left". */
  tell(): string {
    this.done += 1;
    const rate = `${this.#rate.toFixed(1)} a second`;
    if (!this.#count) return `${this.done} frames, ${rate}`;
    const left = Math.ceil((this.#count - this.done) / this.#rate);
    return `${this.done} of ${this.#count} frames, ${rate}, ${time(left)} left`;
  }

  summary(): string {
    return `${this.done} frames, ${this.#rate.toFixed(1)} a second`;
  }
}

function time(seconds: number): string {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
