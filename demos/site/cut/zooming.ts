// How a visitor zooms and pans: the wheel, two fingers, the middle button or the tool for it, one finger where the
// picture is zoomed, and buttons and keys, which call `in`, `out` and `fit`.
import { button, el } from "../shell/dom.ts";
import { say } from "../shell/messages.ts";
import type { Stage } from "./stage.ts";

const STEP = 1.5;

/** A place of the window. */
interface Place {
  readonly clientX: number;
  readonly clientY: number;
}

export class Zooming {
  /** Smaller, the scale, larger. */
  readonly element: HTMLElement;
  readonly #stage: Stage;
  readonly #scale = button("", () => this.fit());
  /** Pointers that move the picture, by id. */
  readonly #pointers = new Map<number, Place>();

  constructor(stage: Stage) {
    this.#stage = stage;
    const face = (sign: string, name: string, press: () => void) => {
      const element = button(sign, press);
      element.setAttribute("aria-label", name);
      return element;
    };
    this.#scale.classList.add("edge");
    this.#scale.title = "Whole picture";
    const faces = [face("−", "Smaller", () => this.out()), this.#scale, face("+", "Larger", () => this.in())];
    this.element = el("div", { class: "tools zoom", role: "group", "aria-label": "Zoom" }, ...faces);
    this.#listen(stage.element);
    this.#show();
  }

  in(): void {
    this.#zoom(STEP);
  }

  out(): void {
    this.#zoom(1 / STEP);
  }

  fit(): void {
    this.#stage.fit();
    this.#tell();
  }

  #listen(element: HTMLElement): void {
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"] as const)
      element.addEventListener(type, ({ pointerId }) => this.#pointers.delete(pointerId));
    // Two fingers zoom the picture and not the page.
    const keep = (event: TouchEvent) => event.touches.length > 1 && event.preventDefault();
    for (const type of ["touchstart", "touchmove"] as const) element.addEventListener(type, keep, { passive: false });
  }

  #wheel(event: WheelEvent): void {
    // The page scrolls on where there is nothing to make smaller.
    if (this.#stage.scale === 1 && event.deltaY > 0) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
    this.#zoom(1.002 ** (-event.deltaY * lines * (event.ctrlKey ? 4 : 1)), event); // with Ctrl: two fingers on a pad
  }

  #down(event: PointerEvent): void {
    const { pointerType, button: pressed, pointerId } = event;
    const pans = pressed === 1 || (pressed === 0 && this.#stage.element.dataset.tool === "move");
    if (pointerType !== "touch" && !pans) return;
    if (pans) this.#stage.element.setPointerCapture(pointerId);
    if (pressed === 1) event.preventDefault();
    this.#pointers.set(pointerId, event);
  }

  #move(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const [other] = [...this.#pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    this.#pointers.set(event.pointerId, event);
    // The middle of two fingers moves half as far as the one that moves.
    const share = other ? 0.5 : 1;
    if (!other && event.pointerType === "touch" && this.#stage.element.dataset.tool === "box") return; // it draws
    if (other) this.#zoom(distance(event, other) / Math.max(1, distance(before, other)), middle(event, other));
    this.#stage.pan(share * (event.clientX - before.clientX), share * (event.clientY - before.clientY));
  }

  #zoom(factor: number, at?: Place): void {
    this.#stage.zoom(factor, at);
    this.#tell();
  }

  #tell(): void {
    const before = this.#scale.textContent;
    const text = this.#show();
    if (text !== before) say(`Zoom ${text}`);
  }

  #show(): string {
    const text = `${Math.round(100 * this.#stage.scale)} %`;
    this.#scale.textContent = text;
    this.#scale.setAttribute("aria-label", `${text}, show the whole picture`);
    return text;
  }
}

function distance(a: Place, b: Place): number {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}

function middle(a: Place, b: Place): Place {
  return { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 };
}
