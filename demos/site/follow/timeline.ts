// The frames as a strip: for each thing a row that says where it is there and where it vanished, with a notch where it
// was clicked; a slider moves through all of them.
import { svg } from "../cut/svg.ts";
import { button, el } from "../shell/dom.ts";
import type { Thing } from "./things.ts";

const ROW = 20;

export interface TimelineEvents {
  readonly onFrame: (frame: number) => void;
  readonly onPick: (thing: Thing) => void;
  readonly onRemove: (thing: Thing) => void;
}

export class Timeline {
  readonly element: HTMLElement;
  readonly #events: TimelineEvents;
  readonly #slider: HTMLInputElement;
  readonly #rows = el("ul", { class: "things", "aria-label": "What is followed" });
  readonly #where = el("output", { class: "edge" });
  readonly #play = button("Play", () => this.#toggle(), "is-small");
  #length = 1;
  #rate = 12;
  #playing: ReturnType<typeof setTimeout> | undefined;

  constructor(events: TimelineEvents) {
    this.#events = events;
    this.#slider = el("input", { type: "range", min: 0, max: 0, step: 1, value: 0, "aria-label": "Frame" });
    this.#slider.addEventListener("input", () => {
      this.stop();
      events.onFrame(this.frame);
    });
    const transport = el("div", { class: "transport" }, this.#play, this.#slider, this.#where);
    this.element = el("div", { class: "timeline" }, transport, this.#rows);
  }

  get frame(): number {
    return Number(this.#slider.value);
  }

  set frame(frame: number) {
    this.#slider.value = String(frame);
    this.#where.textContent = `${frame + 1} / ${this.#length}`;
    this.element.style.setProperty("--at", String(this.#length > 1 ? frame / (this.#length - 1) : 0));
  }

  /** Another film. */
  reset(length: number, rate: number): void {
    this.stop();
    this.#length = length;
    this.#rate = rate;
    this.#slider.max = String(length - 1);
    this.frame = 0;
  }

  stop(): void {
    clearTimeout(this.#playing);
    this.#playing = undefined;
    this.#play.textContent = "Play";
  }

  #toggle(): void {
    if (this.#playing !== undefined) {
      this.stop();
      return;
    }
    this.#play.textContent = "Pause";
    if (this.frame === this.#length - 1) this.#show(0);
    this.#step();
  }

  #step(): void {
    this.#playing = setTimeout(() => {
      if (this.frame >= this.#length - 1) return this.stop();
      this.#show(this.frame + 1);
      this.#step();
    }, 1000 / this.#rate);
  }

  #show(frame: number): void {
    this.frame = frame;
    this.#events.onFrame(frame);
  }

  /** Rows anew; a button of theirs that had the focus has it still. */
  draw(things: readonly Thing[], chosen: Thing | undefined): void {
    const buttons = () => [...this.#rows.querySelectorAll("button")];
    const focused = buttons().findIndex((face) => face.matches(":focus"));
    this.#rows.replaceChildren(...things.map((thing) => this.#row(thing, thing === chosen)));
    buttons()[focused]?.focus();
  }

  #row(thing: Thing, isChosen: boolean): HTMLElement {
    const name = button(thing.name, () => this.#events.onPick(thing), "is-small thing-name");
    name.setAttribute("aria-pressed", String(isChosen));
    name.prepend(svg("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" }, dot(thing.colour)));
    const remove = button("Remove", () => this.#events.onRemove(thing), "is-small is-quiet");
    remove.setAttribute("aria-label", `Remove ${thing.name}`);
    const there = [...thing.found.keys()].filter((frame) => thing.at(frame) === "there").length;
    const gone = thing.found.size - there;
    const words = `${thing.name}: there in ${there} frames, gone in ${gone}, clicked in ${thing.clicks.size}`;
    return el("li", { class: "thing" }, name, strip(thing, this.#length, words), remove);
  }
}

function dot(colour: string): SVGElement {
  return svg("circle", { cx: 5, cy: 5, r: 5, fill: colour });
}

/** Runs of frames as bars: high where the thing is there, a line where it is gone. */
function strip(thing: Thing, length: number, words: string): SVGElement {
  const parts: SVGElement[] = [];
  for (let start = 0; start < length; ) {
    const state = thing.at(start);
    let end = start + 1;
    while (end < length && thing.at(end) === state) end++;
    const at = { x: start, width: end - start, fill: thing.colour };
    if (state === "there") parts.push(svg("rect", { class: "is-there", y: 4, height: ROW - 8, ...at }));
    if (state === "gone") parts.push(svg("rect", { class: "is-gone", y: ROW / 2 - 1, height: 2, ...at }));
    start = end;
  }
  for (const frame of thing.clicks.keys()) {
    parts.push(svg("rect", { class: "is-click", x: frame + 0.3, y: 0, width: 0.4, height: ROW }));
  }
  const size = { viewBox: `0 0 ${length} ${ROW}`, preserveAspectRatio: "none" };
  return svg("svg", { class: "thing-strip", role: "img", "aria-label": words, ...size }, ...parts);
}
