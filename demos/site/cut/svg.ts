// SVG elements in one call, and marks that are drawn over a picture in its own pixels.

const NAMESPACE = "http://www.w3.org/2000/svg";

type Attributes = Readonly<Record<string, string | number>>;

/** Makes an SVG element. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Node[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A point of a prompt: a disc with a plus (inside) or a minus (outside). `unit` is a pixel of the page. */
export function pointMark({ x, y, label = 1 }: { x: number; y: number; label?: number }, unit: number): SVGGElement {
  const arm = 3.5 * unit;
  const plus = label === 1 ? `M${x} ${y - arm}V${y + arm}` : "";
  return svg(
    "g",
    { class: label === 1 ? "mark is-inside" : "mark is-outside" },
    svg("circle", { cx: x, cy: y, r: 8 * unit, "stroke-width": 2 * unit }),
    svg("path", { d: `M${x - arm} ${y}H${x + arm}${plus}`, "stroke-width": 2 * unit }),
  );
}

/** Two lines through a place, open in the middle. */
export function crosshair(x: number, y: number, width: number, height: number, unit: number): SVGGElement {
  const gap = 9 * unit;
  const d = `M0 ${y}H${x - gap}M${x + gap} ${y}H${width}M${x} 0V${y - gap}M${x} ${y + gap}V${height}`;
  return svg(
    "g",
    { class: "crosshair" },
    svg("path", { d, class: "casing", "stroke-width": 3 * unit }),
    svg("path", { d, "stroke-width": unit }),
    svg("circle", { cx: x, cy: y, r: 1.5 * unit }),
  );
}

/** The uneven ellipse with which a pencil marks what was picked, a little over its own beginning. */
export function pencilRing(): SVGSVGElement {
  const d = "M26 17C62 1 128 3 142 30C157 62 130 101 82 105C34 108 -1 88 4 50C8 22 42 5 96 6";
  const path = svg("path", { pathLength: 1, d });
  return svg(
    "svg",
    { class: "ring", viewBox: "0 0 150 110", preserveAspectRatio: "none", "aria-hidden": "true" },
    path,
  );
}
