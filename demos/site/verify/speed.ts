// The table of times.
import { button, el } from "../shell/dom.ts";
import { duration } from "../shell/format.ts";
import { fail, isAbort, say } from "../shell/messages.ts";
import { Progress } from "../shell/progress.ts";
import { benchmark, type Timing } from "./benchmark.ts";

export class Speed {
  readonly element: HTMLElement;
  readonly #progress = new Progress("Stop");
  readonly #rows = el("tbody");
  readonly #table: HTMLElement;
  readonly #button = button("Time the models", () => void this.#run(), "is-main");
  readonly #onDone: (timings: readonly Timing[]) => void;

  constructor(onDone: (timings: readonly Timing[]) => void) {
    this.#onDone = onDone;
    const heads = ["Call", "Median", "Least", "Most", "Runs", "GFLOP/s"];
    const head = heads.map((text, i) => el("th", { scope: "col", class: i > 0 ? "number" : "" }, text));
    this.#table = el(
      "div",
      { class: "table-box", hidden: true, tabindex: 0, role: "region", "aria-label": "Times" },
      el("table", {}, el("thead", {}, el("tr", {}, ...head)), this.#rows),
    );
    this.element = el(
      "section",
      { class: "section", id: "speed" },
      el("div", { class: "section-head" }, el("h2", {}, "How fast?"), el("div", { class: "row" }, this.#button)),
      el(
        "p",
        { class: "soft" },
        "The small models that come with the page, much smaller than real ones, each call from picture to result, as " +
          "a page waits for it. Close what else uses the GPU.",
      ),
      this.#progress.element,
      this.#table,
    );
  }

  async #run(): Promise<void> {
    this.#button.disabled = true;
    this.#rows.replaceChildren();
    const signal = this.#progress.start("Loading the models");
    const timings: Timing[] = [];
    try {
      for await (const timing of benchmark(signal)) {
        timings.push(timing);
        this.#add(timing);
        this.#progress.update(`${timing.name}: ${duration(timing.median)}`, timings.length / 6);
      }
      say("All times are there.");
      this.#onDone(timings);
    } catch (error) {
      if (isAbort(error)) say("Stopped.");
      else fail(error);
    } finally {
      this.#progress.done();
      this.#button.disabled = false;
    }
  }

  #add({ name, median, least, most, runs, flops }: Timing): void {
    this.#table.hidden = false;
    const speed = flops === undefined ? "" : (flops / median / 1e6).toFixed(1);
    const numbers = [duration(median), duration(least), duration(most), String(runs), speed];
    const cells = numbers.map((text) => el("td", { class: "number" }, text));
    this.#rows.append(el("tr", {}, el("th", { scope: "row" }, name), ...cells));
  }
}
