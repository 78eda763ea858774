// The few controls that the parts share: sliders, choices, check boxes, and the sample photographs as a strip of film.
import { el } from "../shell/dom.ts";
import { fail } from "../shell/messages.ts";
import { samplePhotos } from "../shell/samples.ts";

/** A slider from 0 to 1, which calls back while it moves. */
export function slider(label: string, value: number, onInput: (value: number) => void): HTMLElement {
  const input = el("input", { type: "range", min: 0, max: 1, step: 0.01, value });
  input.addEventListener("input", () => onInput(Number(input.value)));
  return el("label", { class: "control" }, el("span", {}, label), input);
}

export function checkBox(label: string, isOn: boolean, onChange: (isOn: boolean) => void): HTMLElement {
  const input = el("input", { type: "checkbox" });
  input.checked = isOn;
  input.addEventListener("change", () => onChange(input.checked));
  return el("label", { class: "control is-check" }, input, el("span", {}, label));
}

/** A choice of values, each with the words that are shown. */
export class Choice<T extends string | number> {
  readonly element: HTMLElement;
  readonly #select = el("select");
  #values: readonly T[] = [];

  constructor(label: string, onChange: (value: T) => void) {
    this.#select.addEventListener("change", () => onChange(this.#values[this.#select.selectedIndex] as T));
    this.element = el("label", { class: "control" }, el("span", {}, label), this.#select);
  }

  offer(choices: readonly (readonly [value: T, words: string])[], chosen: T): this {
    this.#values = choices.map(([value]) => value);
    this.#select.replaceChildren(...choices.map(([, words]) => el("option", {}, words)));
    this.#select.selectedIndex = Math.max(0, this.#values.indexOf(chosen));
    return this;
  }
}

/** Names of sample photographs as people say them. */
const SAID: Readonly<Record<string, string>> = {
  "flower.jpg": "flower",
  "chelsea.png": "cat",
  "dog.jpg": "dog",
  "truck.jpg": "truck",
  "drawn-horse.jpg": "drawn horse",
  "drawn-frog.jpg": "drawn frog",
  "drawn-cat.jpg": "drawn cat",
  "drawn-ship.jpg": "drawn ship",
};

/** A strip of sample photographs; each is one click away. */
export function sampleStrip(onPick: (files: File[]) => void, about = "Sample"): HTMLElement {
  const pick = (name: string) => samplePhotos([name]).then(onPick, fail);
  const frames = Object.entries(SAID).map(([name, said]) => {
    const image = el("img", {
      src: `photos/${name}`,
      alt: "",
      loading: "lazy",
      decoding: "async",
      width: 60,
      height: 40,
    });
    const label = `${about}: ${said}`;
    return el(
      "li",
      {},
      el("button", { type: "button", title: said, "aria-label": label, on: { click: () => pick(name) } }, image),
    );
  });
  return el("ul", { class: "sample-strip", "aria-label": `${about} photographs` }, ...frames);
}
