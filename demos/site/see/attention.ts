// Where the class token looks, head by head.
import { type AttentionMap, attentionMaps } from "../engine.ts";
import { el } from "../shell/dom.ts";
import { fileButton } from "../shell/drop.ts";
import { say } from "../shell/messages.ts";
import { samplePhotos } from "../shell/samples.ts";
import { Choice, checkBox, sampleStrip, slider } from "./controls.ts";
import type { Features } from "./features.ts";
import { type How, type Layer, type Look, type NumberMap, paintMap, strongest } from "./heat.ts";
import { openPictures, type Picture } from "./pictures.ts";
import type { Tab } from "./tab.ts";
import { PictureView } from "./view.ts";

/** The mean of all heads, then the heads. */
interface Head {
  readonly name: string;
  readonly map: NumberMap;
}

interface HeadCell {
  readonly button: HTMLButtonElement;
  readonly view: PictureView;
}

export class AttentionTab implements Tab {
  readonly id = "attention";
  readonly title = "Attention";
  readonly element: HTMLElement;
  readonly #features: Features;
  readonly #large = new PictureView();
  readonly #caption = el("figcaption", { class: "cell-edge" });
  readonly #film = el("ul", { class: "film heads", "aria-label": "Heads" });
  readonly #body: HTMLElement;
  readonly #none = el("div", { class: "stack no-attention", hidden: true });
  readonly #layers = new Choice<number>("Block", (layer) => this.#chooseLayer(layer));
  #cells: HeadCell[] = [];
  #picture: Picture | undefined;
  #heads: readonly Head[] = [];
  #chosen = 0;
  #layer = -1;
  #offered = -1;
  #how: How = { look: "light", opacity: 0.9, smooth: true };

  constructor(features: Features) {
    this.#features = features;
    this.#none.append(
      el("h2", {}, "A ResNet does not attend"),
      el("p", { class: "soft" }, "Attention is what transformers do; this model is made of convolutions alone."),
      el(
        "p",
        { class: "soft" },
        "Colours, likeness and classes work with it. For attention, choose a DINO with a ViT.",
      ),
    );
    const figure = el("figure", { class: "large" }, this.#large.canvas, this.#caption);
    const split = el(
      "div",
      { class: "attention" },
      el("div", { class: "stack" }, figure, this.#controls()),
      this.#film,
    );
    this.#body = el("div", { class: "stack" }, this.#actions(), split);
    this.element = el("div", {}, this.#none, this.#body);
  }

  async add(files: readonly File[]): Promise<void> {
    const [first] = await openPictures(files.slice(0, 1));
    if (files.length > 1) say("Attention shows one picture at a time: the first is taken.");
    if (!first) return;
    this.#picture = first;
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const { hasAttention } = this.#features;
    this.#none.hidden = hasAttention;
    this.#body.hidden = !hasAttention;
    if (!hasAttention) return;
    this.#picture ??= (await openPictures(await samplePhotos(["flower.jpg"])))[0];
    const picture = this.#picture;
    if (!picture) return;
    this.#offerLayers();
    const [features] = (await this.#features.dense([picture], this.#layer)) ?? [];
    if (!features) return;
    const maps = attentionMaps(features);
    this.#heads = [{ name: "all heads", map: mean(maps) }, ...maps.map((map, i) => ({ name: `head ${i + 1}`, map }))];
    this.#chosen = Math.min(this.#chosen, maps.length);
    this.#makeCells();
    this.#draw();
    say(`Attention of ${maps.length} heads over ${picture.name}.`);
  }

  #actions(): HTMLElement {
    const take = (files: File[]) => void this.add(files);
    return el(
      "div",
      { class: "row" },
      fileButton("Choose a picture…", take, { accept: "image/*", multiple: false }),
      sampleStrip(take),
    );
  }

  #controls(): HTMLElement {
    const look = new Choice<Look>("Look", (chosen) => this.#set({ look: chosen }));
    look.offer(
      [
        ["light", "light"],
        ["heat", "heat"],
      ],
      this.#how.look,
    );
    return el(
      "div",
      { class: "dials" },
      slider("Opacity", this.#how.opacity, (opacity) => this.#set({ opacity })),
      look.element,
      this.#layers.element,
      checkBox("Smooth", this.#how.smooth, (smooth) => this.#set({ smooth })),
    );
  }

  #offerLayers(): void {
    const { layers } = this.#features;
    if (layers === this.#offered) return;
    this.#offered = layers;
    this.#layer = -1;
    const all = Array.from({ length: layers }, (_, i) => [i - layers, `${i + 1} of ${layers}`] as const);
    this.#layers.offer(all, -1);
  }

  #chooseLayer(layer: number): void {
    this.#layer = layer;
    void this.refresh();
  }

  #makeCells(): void {
    if (this.#cells.length === this.#heads.length) return;
    for (const { view } of this.#cells) view.close();
    this.#cells = this.#heads.map((_, i) => {
      const view = new PictureView();
      const button = el("button", { type: "button", class: "cell-picture" }, view.canvas);
      button.addEventListener("click", () => {
        this.#chosen = i;
        this.#draw();
        say(`${this.#heads[i]?.name} is shown large.`);
      });
      return { button, view };
    });
    this.#film.replaceChildren(
      ...this.#cells.map(({ button }, i) => {
        const edge = el("p", { class: "cell-edge" }, el("span", {}, i === 0 ? "all" : String(i)));
        return el("li", { class: "cell" }, button, edge);
      }),
    );
  }

  #set(change: Partial<How>): void {
    this.#how = { ...this.#how, ...change };
    this.#draw();
  }

  #draw(): void {
    const picture = this.#picture;
    if (!picture || this.#heads.length === 0) return;
    const { look, ...how } = this.#how;
    for (const [i, { name, map }] of this.#heads.entries()) {
      const layer: Layer = paintMap(map, look);
      const { button, view } = this.#cells[i] as HeadCell;
      view.show({ ...how, picture, layer }, "");
      view.canvas.setAttribute("aria-hidden", "true");
      button.setAttribute("aria-label", `${name}, ${described(map)}`);
      button.setAttribute("aria-pressed", String(i === this.#chosen));
      if (i !== this.#chosen) continue;
      this.#large.show({ ...how, picture, layer }, `Attention of ${name} over ${picture.name}, ${described(map)}`);
      this.#caption.replaceChildren(el("span", {}, name), el("span", { class: "name" }, picture.name));
    }
  }
}

function mean(maps: readonly AttentionMap[]): NumberMap {
  const [{ width, height }] = maps as [AttentionMap];
  const data = Float32Array.from({ length: width * height }, (_, i) => {
    return maps.reduce((sum, map) => sum + (map.data[i] as number), 0) / maps.length;
  });
  return { width, height, data };
}

function described(map: NumberMap): string {
  const [row, column] = strongest(map);
  return `strongest at row ${row + 1} of ${map.height}, column ${column + 1} of ${map.width}`;
}
