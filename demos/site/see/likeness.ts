// One patch is chosen; how alike every patch of two pictures is to it, and which of the other picture is most alike.
import { matchPatches } from "../engine.ts";
import { el, freshId } from "../shell/dom.ts";
import { say } from "../shell/messages.ts";
import { samplePhotos } from "../shell/samples.ts";
import { Choice, checkBox, slider } from "./controls.ts";
import { cosines, type Seen } from "./cosines.ts";
import type { Features } from "./features.ts";
import { type How, type Look, paintMap, quantile, rangeOf, strongest } from "./heat.ts";
import { openPictures } from "./pictures.ts";
import { Side } from "./side.ts";
import type { Tab } from "./tab.ts";
import type { Cell } from "./view.ts";

interface Chosen {
  readonly side: 0 | 1;
  readonly cell: Cell;
}

export class LikenessTab implements Tab {
  readonly id = "likeness";
  readonly title = "Likeness";
  readonly element: HTMLElement;
  readonly #features: Features;
  readonly #sides: readonly [Side, Side];
  readonly #best = el("p", { class: "best", id: freshId("best") }, "Choose a patch in one of the pictures.");
  #seen: readonly [Seen, Seen] | undefined;
  #chosen: Chosen = { side: 0, cell: [0, 0] };
  #isChosen = false;
  #how: How = { look: "heat", opacity: 0.75, smooth: true };

  constructor(features: Features) {
    this.#features = features;
    const side = (at: 0 | 1) =>
      new Side(at === 0 ? "left" : "right", {
        onFiles: (files) => void this.#take(at, files),
        onCell: (cell) => this.#choose({ side: at, cell }),
        describedBy: this.#best.id,
      });
    this.#sides = [side(0), side(1)];
    const pair = el("div", { class: "pair" }, ...this.#sides.map(({ element }) => element));
    const hint =
      "Click a patch, drag over the picture, or go with the arrow keys. What is alike to the model is bright.";
    this.element = el("div", { class: "stack" }, el("p", { class: "soft" }, hint), this.#best, pair, this.#controls());
  }

  /** One picture goes to the side that was used last, two to both. */
  async add(files: readonly File[]): Promise<void> {
    const pictures = await openPictures(files.slice(0, 2));
    if (files.length > 2) say("Two pictures are compared: the first two are taken.");
    const [first, second] = pictures;
    if (first && second) {
      this.#sides[0].picture = first;
      this.#sides[1].picture = second;
    } else if (first) this.#sides[this.#chosen.side === 0 ? 1 : 0].picture = first;
    if (first) await this.#compare();
  }

  async refresh(): Promise<void> {
    const [left, right] = this.#sides;
    if (!left.picture || !right.picture) {
      const [first, second] = await openPictures(await samplePhotos(["drawn-cat.jpg", "chelsea.png"]));
      left.picture ??= first;
      right.picture ??= second;
    }
    await this.#compare();
  }

  async #take(at: 0 | 1, files: readonly File[]): Promise<void> {
    const [picture] = await openPictures(files.slice(0, 1));
    if (!picture) return;
    this.#sides[at].picture = picture;
    await this.#compare();
  }

  async #compare(): Promise<void> {
    const pictures = this.#sides.flatMap(({ picture }) => picture ?? []);
    this.#seen = undefined;
    for (const side of this.#sides) side.show(this.#how);
    const features = await this.#features.dense(pictures);
    if (!features || features.length < 2) return;
    this.#seen = features as unknown as [Seen, Seen];
    const [height, width] = (this.#seen[this.#chosen.side] as Seen).grid;
    const [row, column] = this.#isChosen ? this.#chosen.cell : [Math.floor(0.45 * height), Math.floor(width / 2)];
    this.#chosen = { side: this.#chosen.side, cell: [Math.min(row, height - 1), Math.min(column, width - 1)] };
    this.#draw();
  }

  #choose(chosen: Chosen): void {
    if (!this.#seen) return;
    this.#isChosen = true;
    this.#chosen = chosen;
    this.#draw();
    say(this.#best.textContent ?? "");
  }

  #set(change: Partial<How>): void {
    this.#how = { ...this.#how, ...change };
    this.#draw();
  }

  #draw(): void {
    const seen = this.#seen;
    if (!seen) return;
    const { side, cell } = this.#chosen;
    const other = side === 0 ? 1 : 0;
    const maps = seen.map((features) => cosines(seen[side], cell, features));
    const [within, across] = [maps[side], maps[other]] as [(typeof maps)[0], (typeof maps)[0]];
    const bestCell = strongest(across);
    // The same colours on both sides, full below the patch itself: no other is as like to it.
    const range = [rangeOf(within, across)[0], quantile(within, 0.98)] as const;
    const layer = (map: typeof within) => paintMap(map, this.#how.look, range);
    this.#sides[side].show({ ...this.#how, layer: layer(within), chosen: cell });
    this.#sides[other].show({ ...this.#how, layer: layer(across), ringed: bestCell });
    const cosine = across.data[bestCell[0] * across.width + bestCell[1]] as number;
    this.#best.textContent =
      `Row ${place(cell)} on the ${this.#sides[side].name} is most like row ${place(bestCell)} on the ` +
      `${this.#sides[other].name}: cosine ${cosine.toFixed(3)}.`;
  }

  #controls(): HTMLElement {
    const look = new Choice<Look>("Look", (chosen) => this.#set({ look: chosen }));
    look.offer(
      [
        ["heat", "heat"],
        ["light", "light"],
      ],
      this.#how.look,
    );
    return el(
      "div",
      { class: "dials" },
      slider("Opacity", this.#how.opacity, (opacity) => this.#set({ opacity })),
      look.element,
      checkBox("Smooth", this.#how.smooth, (smooth) => this.#set({ smooth })),
      el(
        "button",
        { type: "button", class: "button", on: { click: () => this.#jump() } },
        "Go to the best match of all",
      ),
    );
  }

  /** The pair of patches that are most alike of all that are each other's nearest. */
  #jump(): void {
    if (!this.#seen) return;
    const [best] = matchPatches(...this.#seen);
    if (best) this.#choose({ side: 0, cell: best.a });
  }
}

function place([row, column]: Cell): string {
  return `${row + 1}, column ${column + 1}`;
}
