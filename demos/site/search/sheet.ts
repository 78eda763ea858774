// The contact sheet: a cell for each photo, in the order of the ranking. Only what is in reach of the window has one,
// so that a hundred thousand photos cost what is in view; a photo keeps its cell through every ranking meanwhile.
import { el } from "../shell/dom.ts";
import { Thumbnails } from "../shell/thumbnails.ts";
import type { Photo, Ranked } from "./photos.ts";

/** Cells before it is known how many fill the window. */
const AT_FIRST = 48;
/** Pixels above and below the window that have cells too. */
const REACH = 800;
/** Cells that are kept, those out of reach too. */
const MOST_CELLS = 600;
const SVG = "http://www.w3.org/2000/svg";

interface Cell {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly edge: HTMLElement;
}

export interface SheetEvents {
  readonly onPick: (photo: Photo) => void;
  /** The browser made no thumbnail of it: why. */
  readonly onUnreadable: (photo: Photo, why: string) => void;
}

export class Sheet {
  readonly element = el("div", { class: "sheet" });
  readonly #grid = el("ul", { class: "film", "aria-label": "Photos" });
  readonly #cells = new Map<number, Cell>();
  readonly #thumbnails = new Thumbnails();
  readonly #events: SheetEvents;
  readonly #ring = makeRing();
  #order: readonly Ranked[] = [];
  #ranked = false;
  #isSure = true;
  #picked: Photo | undefined;
  /** Places that have cells: from `first` up to `end`. */
  #first = 0;
  #end = 0;
  #isDue = false;

  constructor(events: SheetEvents) {
    this.#events = events;
    this.element.append(this.#grid);
    for (const event of ["scroll", "resize"]) addEventListener(event, () => this.#later(), { passive: true });
    this.#grid.addEventListener("keydown", (event) => this.#walk(event));
  }

  /** Shows photos in an order; `ranked` when it is that of a text. The first is ringed unless it is a guess. */
  show(order: readonly Ranked[], ranked: boolean, isSure = true): void {
    this.#isSure = isSure;
    this.#order = order;
    this.#ranked = ranked;
    this.#render();
  }

  /** Marks the photo that is looked at. */
  mark(picked: Photo | undefined): void {
    this.#picked = picked;
    for (const [id, { button }] of this.#cells) button.setAttribute("aria-pressed", String(id === picked?.id));
  }

  clear(): void {
    for (const id of [...this.#cells.keys()]) this.#drop(id);
    this.show([], false);
  }

  /** Once for each frame that is drawn. */
  #later(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      const [first, end] = this.#inReach();
      if (first !== this.#first || end !== this.#end) this.#render();
    });
  }

  /** The places that are in the window or near it, whole rows of them. */
  #inReach(): readonly [number, number] {
    const row = this.#rowHeight();
    if (row === 0) return [0, Math.min(AT_FIRST, this.#order.length)];
    const columns = this.#columns();
    const above = -this.#grid.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((above - REACH) / row)) * columns;
    const end = Math.max(1, Math.ceil((above + innerHeight + REACH) / row)) * columns;
    const last = this.#order.length;
    return [Math.min(first, Math.max(0, last - 1)), Math.min(end, last)];
  }

  /** Pixels from a row to the next; 0 while there is none. */
  #rowHeight(): number {
    const cell = this.#grid.firstElementChild;
    if (!(cell instanceof HTMLElement)) return 0;
    return cell.offsetHeight + Number.parseFloat(getComputedStyle(this.#grid).rowGap || "0");
  }

  #render(): void {
    let [first, end] = this.#inReach();
    this.#draw(first, end);
    [first, end] = this.#inReach(); // the first cells have told how high a row is
    if (first !== this.#first || end !== this.#end) this.#draw(first, end);
    const row = this.#rowHeight();
    const rows = (count: number) => `${Math.ceil(count / this.#columns()) * row}px`;
    this.#grid.style.paddingBlockStart = rows(first);
    this.#grid.style.paddingBlockEnd = rows(this.#order.length - end);
  }

  #draw(first: number, end: number): void {
    [this.#first, this.#end] = [first, end];
    const scores = this.#order.map(({ score }) => score).filter(Number.isFinite);
    const [high = 0, low = 0] = [scores[0], scores.at(-1)];
    const inReach = new Set<number>();
    const cells = this.#order.slice(first, end).map(({ photo, score }, i) => {
      const cell = this.#cell(photo);
      inReach.add(photo.id);
      this.#label(cell, photo, first + i, score, high === low ? 1 : (score - low) / (high - low));
      return cell.element;
    });
    const focused = document.activeElement;
    this.#grid.replaceChildren(...cells);
    if (focused instanceof HTMLElement && this.#grid.contains(focused)) focused.focus({ preventScroll: true });
    this.#ring.remove();
    if (first === 0 && this.#ranked && this.#isSure && Number.isFinite(scores[0])) cells[0]?.append(this.#ring);
    if (this.#cells.size <= MOST_CELLS) return;
    for (const id of [...this.#cells.keys()]) if (!inReach.has(id)) this.#drop(id);
  }

  #drop(id: number): void {
    const image = this.#cells.get(id)?.element.querySelector("img");
    if (image) this.#thumbnails.forget(image);
    this.#cells.delete(id);
  }

  #cell(photo: Photo): Cell {
    const known = this.#cells.get(photo.id);
    if (known) return known;
    const image = el("img", { alt: "", width: 360, height: 240, draggable: "false" });
    const button = el(
      "button",
      { type: "button", class: "cell-picture", "aria-pressed": String(photo === this.#picked) },
      image,
    );
    button.addEventListener("click", () => this.#events.onPick(photo));
    const edge = el("p", { class: "cell-edge" });
    const element = el("li", { class: "cell", "data-name": photo.name }, button, edge);
    this.#thumbnails.show(image, photo, () => {
      this.#events.onUnreadable(photo, "this browser cannot decode it");
      button.setAttribute("aria-label", `${photo.name}, not a picture`);
      element.classList.add("is-broken");
      image.replaceWith(el("span", { class: "cell-broken" }, "not a picture"));
    });
    const cell = { element, button, edge };
    this.#cells.set(photo.id, cell);
    return cell;
  }

  #label({ element, button, edge }: Cell, photo: Photo, place: number, score: number, share: number): void {
    const isScored = this.#ranked && Number.isFinite(score);
    const number = String(isScored ? place + 1 : photo.id);
    const right = photo.failure ? "–" : isScored ? score.toFixed(3) : photo.name;
    edge.replaceChildren(el("span", {}, number), el("span", { class: "name" }, right));
    button.title = photo.failure ? `${photo.name}: ${photo.failure}` : photo.name;
    const said = isScored ? `${photo.name}, place ${place + 1}, score ${score.toFixed(3)}` : photo.name;
    button.setAttribute("aria-label", photo.failure ? `${photo.name}, not a picture` : said);
    element.style.setProperty("--share", isScored ? share.toFixed(3) : "0");
    element.dataset.score = isScored ? score.toFixed(6) : "";
  }

  /** Arrow keys go from frame to frame. */
  #walk(event: KeyboardEvent): void {
    const steps: Record<string, number> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: this.#columns(),
      ArrowUp: -this.#columns(),
    };
    const step = steps[event.key];
    if (step === undefined) return;
    const buttons = [...this.#grid.querySelectorAll<HTMLButtonElement>("button.cell-picture")];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const next = buttons[at + step];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
  }

  #columns(): number {
    return getComputedStyle(this.#grid).gridTemplateColumns.split(" ").length;
  }
}

/** An uneven ellipse, as a pencil draws it, a little over its own beginning. */
function makeRing(): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "ring");
  svg.setAttribute("viewBox", "0 0 150 110");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("pathLength", "1");
  path.setAttribute("d", "M26 17C62 1 128 3 142 30C157 62 130 101 82 105C34 108 -1 88 4 50C8 22 42 5 96 6");
  svg.append(path);
  return svg;
}
