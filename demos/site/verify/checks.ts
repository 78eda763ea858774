// The table of what was checked, row by row as the results come.
import type { Verification } from "../../../src/verification.ts";
import { button, el } from "../shell/dom.ts";
import { counted, duration } from "../shell/format.ts";
import { fail, say } from "../shell/messages.ts";
import { Progress } from "../shell/progress.ts";
import type { Report, Request } from "./thread.ts";

export interface CheckResults {
  readonly passed: boolean;
  readonly milliseconds: number;
  readonly results: readonly Verification[];
}

export class Checks {
  readonly element: HTMLElement;
  readonly #progress = new Progress("Stop");
  readonly #rows = el("tbody");
  readonly #table: HTMLElement;
  readonly #verdict = el("p", { class: "verdict", hidden: true });
  readonly #onDone: (results: CheckResults) => void;
  readonly #buttons = [
    button("Check the models", () => void this.#run(false), "is-main"),
    button("Check every kernel too", () => void this.#run(true)),
  ];

  constructor(onDone: (results: CheckResults) => void) {
    this.#onDone = onDone;
    const heads = ["What", "Type", "Cases", "Largest error", "Allowed", ""];
    const head = heads.map((text, i) =>
      el("th", { scope: "col", class: i > 1 && i < 5 ? "number" : "" }, text || "Verdict"),
    );
    this.#table = el(
      "div",
      { class: "table-box", hidden: true, tabindex: 0, role: "region", "aria-label": "Checks" },
      el("table", {}, el("thead", {}, el("tr", {}, ...head)), this.#rows),
    );
    this.element = el(
      "section",
      { class: "section", id: "checks" },
      el("div", { class: "section-head" }, el("h2", {}, "Is it right?"), el("div", { class: "row" }, ...this.#buttons)),
      el(
        "p",
        { class: "soft" },
        "The three small models that come with the page (tiny-clip, tiny-dino, tiny-sam) against PyTorch’s " +
          "numbers; each kernel, in every size and type, against a reference in double precision.",
      ),
      this.#progress.element,
      this.#verdict,
      this.#table,
    );
  }

  async #run(kernels: boolean): Promise<void> {
    for (const each of this.#buttons) each.disabled = true;
    this.#rows.replaceChildren();
    this.#verdict.hidden = true;
    const start = performance.now();
    const results: Verification[] = [];
    const signal = this.#progress.start("Opening the GPU");
    try {
      await this.#ask({ kernels, models: new URL("models/", location.href).href }, signal, (report) => {
        if (report.kind === "result") this.#add(report.result, results);
        const share = report.kind === "device" ? 0 : results.length / this.#total;
        if (report.kind === "device") this.#total = report.total;
        this.#progress.update(`${counted(results.length, "row")}, ${duration(performance.now() - start)}`, share);
      });
      this.#finish(results, performance.now() - start);
    } catch (error) {
      if (signal.aborted) say("Stopped.");
      else fail(error);
    } finally {
      this.#progress.done();
      for (const each of this.#buttons) each.disabled = false;
    }
  }

  #total = 1;

  #ask(request: Request, signal: AbortSignal, onReport: (report: Report) => void): Promise<void> {
    const worker = new Worker("verify-thread.js");
    return new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      worker.addEventListener("error", (event) => reject(new Error(event.message || "the worker could not start")));
      worker.addEventListener("message", ({ data }: MessageEvent<Report>) => {
        if (data.kind === "error") reject(Object.assign(new Error(data.message), { name: data.name }));
        else if (data.kind === "done") resolve();
        else onReport(data);
      });
      worker.postMessage(request);
    }).finally(() => worker.terminate());
  }

  #add(result: Verification, results: Verification[]): void {
    results.push(result);
    const isGood = result.failures.length === 0;
    const error = Number.isFinite(result.error) ? scientific(result.error) : "no result";
    this.#table.hidden = false;
    this.#rows.append(
      el(
        "tr",
        { class: isGood ? "" : "is-bad" },
        el("th", { scope: "row" }, result.name),
        el("td", {}, result.dtype ?? ""),
        el("td", { class: "number" }, String(result.cases)),
        el("td", { class: "number" }, error),
        el("td", { class: "number" }, scientific(result.tolerance)),
        el("td", { class: "verdict-cell" }, isGood ? "agrees" : `differs: ${result.failures.join("; ")}`),
      ),
    );
  }

  #finish(results: readonly Verification[], milliseconds: number): void {
    const failed = results.filter(({ failures }) => failures.length > 0);
    const cases = results.reduce((sum, each) => sum + each.cases, 0);
    const passed = failed.length === 0;
    this.#verdict.hidden = false;
    this.#verdict.classList.toggle("is-bad", !passed);
    this.#verdict.textContent = passed
      ? `All ${counted(cases, "case")} agree.`
      : `${counted(failed.length, "row")} of ${results.length} differ: this driver computes something wrong.`;
    say(this.#verdict.textContent);
    this.#onDone({ passed, milliseconds: Math.round(milliseconds), results });
  }
}

function scientific(value: number): string {
  return value === 0 ? "0" : value.toExponential(1);
}
