// Everything mode: how finely to look, the search itself, and the strip of all that was found.
import type { MaskRecord, Rle } from "../engine.ts";
import { button, el } from "../shell/dom.ts";
import { counted } from "../shell/format.ts";
import { fail, isAbort, note, say } from "../shell/messages.ts";
import type { Search } from "./encoded.ts";
import type { Picture } from "./picture.ts";
import { prepareSegments, type Segment, type Segments, shareOf } from "./segments.ts";
import { pencilRing } from "./svg.ts";

export interface EverythingEvents {
  readonly find: (search: Search) => Promise<readonly MaskRecord<Rle>[]>;
  /** Masks were found; or undefined: those shown belong to another picture or model. */
  readonly onFound: (segments: Segments | undefined) => void;
  /** A mask is looked at, by the pointer or the keys. */
  readonly onLook: (segment: Segment | undefined) => void;
  /** A mask is taken. */
  readonly onPick: (segment: Segment | undefined) => void;
}

/** Pixels of a small cut-out, twice those of the page. */
const SIDE = 128;

export class Everything {
  readonly element: HTMLElement;
  segments: Segments | undefined;
  picked: Segment | undefined;
  readonly #events: EverythingEvents;
  readonly #list = el("ul", { class: "film found", "aria-label": "Masks that were found" });
  readonly #about = el("p", { class: "edge found-about" });
  readonly #find = button("Find everything", () => void this.#search(), "is-main");
  readonly #points = select("Points a side", ["8", "16", "32"], "16");
  readonly #iou = slider("Least score");
  readonly #stability = slider("Least stability");
  readonly #ring = pencilRing();
  #picture: Picture | undefined;

  constructor(events: EverythingEvents) {
    this.#events = events;
    this.element = el(
      "div",
      { class: "stack everything" },
      el("p", { class: "hint" }, "A grid of points asks for a mask each; what is certain and stable stays."),
      el("div", { class: "settings" }, this.#points.element, this.#iou.element, this.#stability.element),
      this.#find,
      this.#about,
      this.#list,
    );
  }

  /** Sets the thresholds: the small model gives lower scores than the published ones. */
  set isSmallModel(isSmall: boolean) {
    this.#iou.set(isSmall ? 0.45 : 0.88);
    this.#stability.set(isSmall ? 0.5 : 0.95);
  }

  /** Another picture or model. */
  reset(picture: Picture | undefined): void {
    this.#picture = picture;
    this.#show(undefined);
  }

  /** The mask under the pointer. */
  look(place: readonly [number, number] | undefined): void {
    const index = place && this.segments?.at(...place);
    this.#look(index === undefined ? undefined : this.segments?.list[index]);
  }

  /** Takes the mask at a place, or none. */
  pick(x: number, y: number): void {
    const index = this.segments?.at(x, y);
    this.#pick(index === undefined ? undefined : this.segments?.list[index]);
  }

  async #search(): Promise<void> {
    const picture = this.#picture;
    if (!picture) return note("Choose a photo first.");
    this.#find.disabled = true;
    try {
      const records = await this.#events.find({
        pointsPerSide: Number(this.#points.value()),
        predIouThresh: this.#iou.value(),
        stabilityScoreThresh: this.#stability.value(),
      });
      const segments = await prepareSegments(records, picture.width, picture.height);
      if (this.#picture !== picture) return;
      this.#show(segments);
      const count = counted(records.length, "mask");
      say(`${count} found.`);
      if (records.length === 0) note("Lower the scores, or look with more points.", { title: "Nothing was found" });
    } catch (error) {
      if (isAbort(error)) say("Stopped.");
      else fail(error);
    } finally {
      this.#find.disabled = false;
    }
  }

  #show(segments: Segments | undefined): void {
    this.segments = segments;
    this.picked = undefined;
    this.#list.replaceChildren(...(segments?.list ?? []).map((segment, i) => this.#cell(segment, i)));
    this.#tell(undefined);
    this.#events.onFound(segments);
  }

  #cell(segment: Segment, index: number): HTMLElement {
    const picture = this.#picture as Picture;
    const { record, region } = segment;
    const share = shareOf(region, picture.width, picture.height);
    const label = `Mask ${index + 1}: ${share} of the picture, score ${record.predictedIou.toFixed(3)}`;
    const on = {
      click: () => this.#pick(this.picked === segment ? undefined : segment),
      pointerenter: () => this.#look(segment),
      pointerleave: () => this.#look(undefined),
      focus: () => this.#look(segment),
      blur: () => this.#look(undefined),
    };
    const face = el(
      "button",
      { type: "button", class: "cell-picture", "aria-label": label, on },
      small(picture, region),
    );
    const edge = el("p", { class: "cell-edge" }, el("span", {}, String(index + 1)));
    const cell = el("li", { class: "cell" }, face, edge);
    cell.style.setProperty("--gel", segment.colour);
    return cell;
  }

  #look(segment: Segment | undefined): void {
    this.#tell(segment ?? this.picked);
    this.#events.onLook(segment ?? this.picked);
  }

  #pick(segment: Segment | undefined): void {
    this.picked = segment;
    this.#ring.remove();
    for (const [i, cell] of [...this.#list.children].entries()) {
      const isPicked = segment !== undefined && this.segments?.list[i] === segment;
      cell.firstElementChild?.setAttribute("aria-pressed", String(isPicked));
      if (isPicked) cell.append(this.#ring);
    }
    this.#tell(segment);
    if (segment) say(`Taken: ${this.#about.textContent}`);
    this.#events.onPick(segment);
  }

  /** Describes the mask that is looked at, or says how many there are. */
  #tell(segment: Segment | undefined): void {
    const { list = [] } = this.segments ?? {};
    const { width = 1, height = 1 } = this.#picture ?? {};
    if (!segment) {
      this.#about.textContent = list.length > 0 ? `${counted(list.length, "mask")}: point at one` : "";
      return;
    }
    const { area, predictedIou, stabilityScore } = segment.record;
    const share = shareOf(segment.region, width, height);
    const scores = `score ${predictedIou.toFixed(3)}, stability ${stabilityScore.toFixed(3)}`;
    this.#about.textContent = `${list.indexOf(segment) + 1}: ${area.toLocaleString("en")} px (${share}), ${scores}`;
  }
}

/** The cut-out alone, within its box. */
function small({ bitmap }: Picture, { x, y, width, height, data }: Segment["region"]): HTMLCanvasElement {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const [w, h] = [width, height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number];
  const canvas = el("canvas", { width: w, height: h });
  const context = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
  context.drawImage(bitmap, x, y, width, height, 0, 0, w, h);
  const image = context.getImageData(0, 0, w, h);
  for (let row = 0, i = 3; row < h; row++) {
    const from = Math.min(height - 1, Math.floor((row + 0.5) / scale)) * width;
    for (let column = 0; column < w; column++, i += 4) {
      if (!data[from + Math.min(width - 1, Math.floor((column + 0.5) / scale))]) image.data[i] = 0;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function select(label: string, values: readonly string[], value: string) {
  const field = el("select", {}, ...values.map((each) => el("option", {}, each)));
  field.value = value;
  return { element: el("label", { class: "field" }, el("span", {}, label), field), value: () => field.value };
}

function slider(label: string) {
  const input = el("input", { type: "range", min: 0.3, max: 0.98, step: 0.01 });
  const shown = el("output", { class: "edge" });
  const show = () => {
    shown.textContent = Number(input.value).toFixed(2);
  };
  input.addEventListener("input", show);
  const words = el("span", { class: "slider-label" }, label, shown);
  return {
    element: el("label", { class: "field" }, words, input),
    value: () => Number(input.value),
    set: (value: number) => {
      input.value = String(value);
      show();
    },
  };
}
