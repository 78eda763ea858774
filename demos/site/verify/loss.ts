// What happens when the GPU goes: a model's device is destroyed on purpose, as a driver's reset would, and the same
// call is made again.
import { Clip } from "../engine.ts";
import { button, el } from "../shell/dom.ts";
import { duration } from "../shell/format.ts";
import { fail, say } from "../shell/messages.ts";

export interface LossResult {
  readonly recovered: boolean;
  /** Of the first call after the loss: opening the device and reading the model again are in it. */
  readonly milliseconds: number;
}

export class Loss {
  readonly element: HTMLElement;
  readonly #verdict = el("p", { class: "verdict", hidden: true });
  readonly #button = button("Lose the GPU", () => void this.#run());
  readonly #onDone: (result: LossResult) => void;

  constructor(onDone: (result: LossResult) => void) {
    this.#onDone = onDone;
    this.element = el(
      "section",
      { class: "section", id: "loss" },
      el("div", { class: "section-head" }, el("h2", {}, "And when the GPU goes?"), this.#button),
      el(
        "p",
        { class: "soft" },
        "A driver update or a sleeping laptop takes the device away. This takes it away on purpose; the next call " +
          "opens a new one, loads the model onto it, and must give the same numbers.",
      ),
      this.#verdict,
    );
  }

  async #run(): Promise<void> {
    this.#button.disabled = true;
    try {
      using clip = await Clip.fromPretrained("./models/tiny-clip", { cache: true });
      const text = "a photo of a cat";
      const before = await clip.encodeText(text);
      (await clip.device()).destroy();
      const start = performance.now();
      const after = await clip.encodeText(text);
      const milliseconds = performance.now() - start;
      const recovered = before.data.every((value, i) => value === after.data[i]);
      this.#tell(recovered, milliseconds);
      this.#onDone({ recovered, milliseconds });
    } catch (error) {
      fail(error);
    } finally {
      this.#button.disabled = false;
    }
  }

  #tell(recovered: boolean, milliseconds: number): void {
    this.#verdict.hidden = false;
    this.#verdict.classList.toggle("is-bad", !recovered);
    this.#verdict.textContent = recovered
      ? `Lost, opened again, and the same numbers to the last bit, ${duration(milliseconds)} later.`
      : "It came back with other numbers.";
    say(this.#verdict.textContent);
  }
}
