// The buttons that give the visitor what was cut.
import { button, el } from "../shell/dom.ts";
import { fail, say } from "../shell/messages.ts";
import { isReduced, type Picture } from "./picture.ts";
import type { Region } from "./region.ts";
import { type Annotated, cocoJson, cutOut, download, maskPicture, stemOf } from "./save.ts";

/** What there is to save: one mask for pictures, all that count for COCO. */
export interface Takeaway {
  readonly region: Region | undefined;
  readonly masks: () => readonly Annotated[];
  readonly count: number;
}

export class Saving {
  readonly element: HTMLElement;
  readonly #cut = button("Cut-out PNG", () => void this.#picturePng("cut", cutOut), "is-main");
  readonly #mask = button("Mask PNG", () => void this.#picturePng("mask", maskPicture));
  readonly #coco = button("COCO JSON", () => void this.#json());
  readonly #hint = el("p", { class: "hint" });
  #picture: Picture | undefined;
  #takeaway: Takeaway | undefined;

  constructor() {
    const row = el("div", { class: "row" }, this.#cut, this.#mask, this.#coco);
    this.element = el("section", { class: "stack saving", "aria-label": "Save" }, row, this.#hint);
  }

  show(picture: Picture | undefined, takeaway: Takeaway): void {
    this.#picture = picture;
    this.#takeaway = takeaway;
    this.#cut.disabled = this.#mask.disabled = !takeaway.region;
    this.#coco.disabled = takeaway.count === 0;
    const small = picture && isReduced(picture);
    const size = small && `${picture.full.width} × ${picture.full.height}`;
    this.#hint.textContent = small
      ? `PNGs have all ${size} pixels; COCO’s masks ${picture.width} × ${picture.height}.`
      : "";
  }

  async #picturePng(kind: string, make: (picture: Picture, region: Region) => Promise<Blob>): Promise<void> {
    const { region } = this.#takeaway ?? {};
    if (this.#picture && region) await this.#give(`-${kind}.png`, make(this.#picture, region));
  }

  async #json(): Promise<void> {
    if (this.#picture && this.#takeaway)
      await this.#give("-coco.json", cocoJson(this.#picture, this.#takeaway.masks()));
  }

  async #give(ending: string, making: Blob | Promise<Blob>): Promise<void> {
    try {
      const name = `${stemOf(this.#picture?.name ?? "picture")}${ending}`;
      download(await making, name);
      say(`Saved ${name}.`);
    } catch (error) {
      fail(error, { title: "It could not be saved" });
    }
  }
}
