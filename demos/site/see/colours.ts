// Patches as colours, the same colours for the same thing in all pictures.
import type { PcaOptions, PcaPicture } from "../engine.ts";
import { button, el } from "../shell/dom.ts";
import { fileButton } from "../shell/drop.ts";
import { note, say } from "../shell/messages.ts";
import { samplePhotos } from "../shell/samples.ts";
import { aside } from "./aside.ts";
import { Choice, checkBox, sampleStrip, slider } from "./controls.ts";
import type { Features } from "./features.ts";
import { type How, paintColours } from "./heat.ts";
import { openPictures, type Picture } from "./pictures.ts";
import type { Tab } from "./tab.ts";
import { PictureView } from "./view.ts";

const MOST = 6;

interface Frame {
  readonly picture: Picture;
  readonly view: PictureView;
  readonly element: HTMLElement;
  coloured?: PcaPicture | undefined;
}

export class ColoursTab implements Tab {
  readonly id = "colours";
  readonly title = "Colours";
  readonly element: HTMLElement;
  readonly #features: Features;
  readonly #film = el("ul", { class: "film colours", "aria-label": "Pictures with their patches as colours" });
  readonly #threshold = slider("Threshold", 0.5, (value) => this.#cutAt(value));
  #frames: Frame[] = [];
  #side: NonNullable<PcaOptions["foreground"]> = "none";
  #cut = 0.5;
  #how: Omit<How, "look"> = { opacity: 1, smooth: false };
  #turn = 0;
  #waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(features: Features) {
    this.#features = features;
    this.element = el("div", { class: "stack" }, this.#actions(), this.#film, this.#controls());
    this.#threshold.hidden = true;
  }

  async add(files: readonly File[]): Promise<void> {
    const fresh = (await openPictures(files)).filter(
      ({ id }) => !this.#frames.some(({ picture }) => picture.id === id),
    );
    const room = MOST - this.#frames.length;
    if (fresh.length > room) {
      note(`One set of colours is shared by ${MOST} pictures at most; take some away to see others.`, {
        title: `${MOST} pictures are here`,
      });
    }
    for (const picture of fresh.slice(0, Math.max(0, room))) this.#addFrame(picture);
    await this.refresh();
  }

  async refresh(): Promise<void> {
    if (this.#frames.length === 0 && this.#turn === 0) {
      const samples = await openPictures(await samplePhotos(["dog.jpg", "chelsea.png", "truck.jpg"]));
      if (this.#frames.length === 0) for (const picture of samples) this.#addFrame(picture);
    }
    const turn = ++this.#turn;
    this.#draw();
    const shown = this.#frames.map(({ picture }) => picture);
    if (shown.length === 0) return;
    const features = await this.#features.dense(shown);
    if (!features || turn !== this.#turn) return;
    const foreground = this.#side;
    const options: PcaOptions = foreground === "none" ? {} : { foreground, threshold: this.#cut };
    const { pictures, basis } = await aside(
      "pca",
      features.map(({ patches, grid }) => ({ patches, grid })),
      options,
    );
    if (turn !== this.#turn) return;
    this.#frames.forEach((frame, i) => {
      frame.coloured = pictures[i];
    });
    this.#draw();
    say(`${shown.length} pictures in one set of colours, ${basis.mean.length} channels.`);
  }

  #actions(): HTMLElement {
    const take = (files: File[]) => void this.add(files);
    return el(
      "div",
      { class: "row" },
      fileButton("Add pictures…", take, { accept: "image/*" }),
      sampleStrip(take),
      button("Clear", () => this.#clear(), "is-quiet"),
    );
  }

  #controls(): HTMLElement {
    const side = new Choice<NonNullable<PcaOptions["foreground"]>>("Coloured", (chosen) => {
      this.#side = chosen;
      this.#threshold.hidden = chosen === "none";
      void this.refresh();
    });
    side.offer(
      [
        ["none", "all patches"],
        ["high", "one side"],
        ["low", "the other side"],
      ],
      "none",
    );
    return el(
      "div",
      { class: "dials" },
      slider("Opacity", this.#how.opacity, (opacity) => this.#set({ opacity })),
      side.element,
      this.#threshold,
      checkBox("Smooth", this.#how.smooth, (smooth) => this.#set({ smooth })),
    );
  }

  #addFrame(picture: Picture): void {
    const view = new PictureView();
    const remove = button("×", () => this.#remove(picture), "remove");
    remove.setAttribute("aria-label", `Take ${picture.name} away`);
    const edge = el("p", { class: "cell-edge" }, el("span", { class: "name" }, picture.name), remove);
    const element = el("li", { class: "cell" }, el("div", { class: "cell-picture" }, view.canvas), edge);
    this.#frames.push({ picture, view, element });
    this.#film.append(element);
  }

  #remove(gone: Picture): void {
    const frame = this.#frames.find(({ picture }) => picture === gone);
    frame?.view.close();
    frame?.element.remove();
    this.#frames = this.#frames.filter((other) => other !== frame);
    this.element.querySelector<HTMLElement>("button")?.focus();
    void this.refresh();
  }

  #clear(): void {
    for (const { view } of this.#frames) view.close();
    this.#frames = [];
    this.#film.replaceChildren();
    this.#features.stop();
    say("All pictures are gone from this part.");
  }

  #cutAt(threshold: number): void {
    this.#cut = threshold;
    clearTimeout(this.#waiting);
    this.#waiting = setTimeout(() => void this.refresh(), 120);
  }

  #set(change: Partial<How>): void {
    this.#how = { ...this.#how, ...change };
    this.#draw();
  }

  #draw(): void {
    for (const { picture, view, coloured } of this.#frames) {
      const layer = coloured && paintColours(coloured);
      const label = coloured ? `${picture.name}, its patches as colours` : picture.name;
      view.show({ picture, layer, ...this.#how }, label);
    }
  }
}
