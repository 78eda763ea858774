// The buttons around the picture: what a click does, undo and redo, and what the keys do.
import { button, el } from "../shell/dom.ts";
import type { History } from "./history.ts";
import type { Tool } from "./pointing.ts";

export interface ControlEvents {
  readonly onTool: (tool: Tool) => void;
  readonly onUndo: () => void;
  readonly onRedo: () => void;
  readonly onClear: () => void;
}

const TOOLS: readonly (readonly [Tool, string, string])[] = [
  ["add", "+", "Add"],
  ["remove", "−", "Remove"],
  ["box", "□", "Box"],
  ["move", "✥", "Move"],
];

export class Controls {
  readonly element: HTMLElement;
  /** How a click is taken: beside the masks, where there is room. */
  readonly checks: HTMLElement;
  readonly #undo: HTMLButtonElement;
  readonly #redo: HTMLButtonElement;
  readonly #clear: HTMLButtonElement;
  readonly #tools: readonly HTMLButtonElement[];
  readonly #refine = check("Refine the last mask", true);
  readonly #hover = check("Preview under the pointer", true);

  constructor(events: ControlEvents) {
    this.#tools = TOOLS.map(([tool, sign, name]) => {
      const face = button("", () => {
        this.#mark(face);
        events.onTool(tool);
      });
      face.append(el("span", { class: "tool-sign", "aria-hidden": "true" }, sign), name);
      return face;
    });
    this.#undo = button("Undo", events.onUndo);
    this.#redo = button("Redo", events.onRedo);
    this.#clear = button("Clear", events.onClear);
    this.element = el(
      "div",
      { class: "row cut-controls" },
      el("div", { class: "tools", role: "group", "aria-label": "What a click does" }, ...this.#tools),
      el("div", { class: "row" }, this.#undo, this.#redo, this.#clear),
    );
    this.checks = el("div", { class: "row checks" }, this.#refine.element, this.#hover.element);
    this.#mark(this.#tools[0]);
  }

  /** Whether a further point builds on the mask that is there. */
  get refines(): boolean {
    return this.#refine.isOn();
  }

  get previews(): boolean {
    return this.#hover.isOn();
  }

  /** Buttons that would do nothing are off. */
  show({ canUndo, canRedo, now }: History): void {
    this.#undo.disabled = !canUndo;
    this.#redo.disabled = !canRedo;
    this.#clear.disabled = now.prompt.points.length === 0 && !now.prompt.box;
  }

  #mark(pressed: HTMLButtonElement | undefined): void {
    for (const each of this.#tools) each.setAttribute("aria-pressed", String(each === pressed));
  }
}

const KEYS: readonly (readonly [string, string])[] = [
  ["Arrows", "move the crosshair, with Shift in large steps"],
  ["Enter", "this belongs to it"],
  ["Shift + Enter", "this does not"],
  ["B", "a corner of a box, then the corner opposite"],
  ["1 2 3", "choose a mask"],
  ["Z", "undo, with Shift redo"],
  ["C", "clear"],
  ["+ −", "larger, smaller"],
  ["0", "the whole picture"],
];

/** A list of what the keys do. The stage refers to it by `id` (aria-describedby). */
export function keyHelp(id: string): HTMLElement {
  const rows = KEYS.map(([key, words]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)));
  return el(
    "details",
    { class: "keys" },
    el("summary", {}, "Mouse, touch and keys"),
    el(
      "p",
      { class: "hint", id },
      "Click on what you want; right-click, or click with Alt, on what you do not want. Drag a box round it. ",
      "The wheel zooms, the middle button moves the picture. ",
      "On a touch screen choose what a tap does; two fingers zoom and move. With the picture focused, the keys do it:",
    ),
    el("dl", { class: "key-list" }, ...rows),
  );
}

function check(label: string, isOn: boolean) {
  const input = el("input", { type: "checkbox" });
  input.checked = isOn;
  return { element: el("label", { class: "check" }, input, label), isOn: () => input.checked };
}
