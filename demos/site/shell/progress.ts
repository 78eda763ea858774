// A bar for work that takes a while, with what is being done, how far it is, and a button that stops it.
import { button, el } from "./dom.ts";

export class Progress {
  readonly element: HTMLElement;
  readonly #bar = el("progress", { max: 1 });
  readonly #label = el("span", { class: "hint" });
  readonly #stop: HTMLButtonElement;
  #controller: AbortController | undefined;

  /** Hidden until `start`. */
  constructor(stop = "Cancel") {
    this.#stop = button(stop, () => this.#controller?.abort(new DOMException("cancelled", "AbortError")), "is-small");
    this.element = el("div", { class: "progress", hidden: true }, this.#label, this.#stop, this.#bar);
  }

  /** Shows the bar and gives the signal that its button aborts. An earlier piece of work goes on unseen. */
  start(label: string): AbortSignal {
    this.#controller = new AbortController();
    this.element.hidden = false;
    this.update(label);
    return this.#controller.signal;
  }

  /** What is being done; `share` from 0 to 1, absent where nobody knows. */
  update(label: string, share?: number): void {
    this.#label.textContent = label;
    this.#bar.setAttribute("aria-label", label);
    if (share === undefined) this.#bar.removeAttribute("value");
    else this.#bar.value = share;
  }

  done(): void {
    this.element.hidden = true;
    this.#controller = undefined;
  }
}
