// Elements in one call.

type Child = Node | string | undefined | false | null;

interface Attributes {
  /** Event listeners by name. */
  readonly on?: Readonly<Record<string, (event: never) => void>>;
  readonly [name: string]: unknown;
}

/**
 * Makes an element. `class`, `aria-*` and other attributes are set as such, true as an empty attribute, undefined and
 * false not at all.
 *
 * @example
 * el("button", { class: "button", type: "button", on: { click: run } }, "Run");
 */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  { on = {}, ...attributes }: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener as EventListener);
  element.append(...children.filter((child): child is Node | string => child instanceof Node || Boolean(child)));
  return element;
}

/** A button; `kind` is one of the design system's: "is-main", "is-quiet", "is-small". */
export function button(label: string, click: () => void, kind = ""): HTMLButtonElement {
  return el("button", { type: "button", class: `button ${kind}`.trim(), on: { click } }, label);
}

/** The element of the page with this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

let ids = 0;

/** An id that no other element has, for labels and descriptions. */
export function freshId(name: string): string {
  ids += 1;
  return `${name}-${ids}`;
}

/** Lets the browser paint and handle input before the next piece of work. */
export function nextFrame(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
