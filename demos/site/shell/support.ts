// Whether this browser has WebGPU, and what to do where it has none.
import { el } from "./dom.ts";

/** An adapter, or why there is none. */
export async function findAdapter(): Promise<GPUAdapter | "no WebGPU" | "no adapter"> {
  if (!navigator.gpu) return "no WebGPU";
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  return adapter ?? "no adapter";
}

interface BrowserGuide {
  readonly name: string;
  /** Recognises the visitor's browser. */
  readonly agent: RegExp;
  readonly steps: readonly (string | readonly string[])[];
}

// A step is words and, in the odd places, what to type.
const GUIDES: readonly BrowserGuide[] = [
  {
    name: "Chrome and Edge",
    agent: /(Chrome|Edg)\/(?!.*Mobile)/,
    steps: [
      "Update to version 113 or later; WebGPU is on by itself on Windows, macOS and ChromeOS.",
      ["Open ", "chrome://settings/system", " and turn on “Use graphics acceleration when available”."],
      ["On Linux, open ", "chrome://flags/#enable-unsafe-webgpu", ", choose Enabled, and restart."],
      ["Still nothing? ", "chrome://gpu", " says why, in the line “WebGPU”."],
    ],
  },
  {
    name: "Safari",
    agent: /Version\/[\d.]+.*Safari/,
    steps: [
      "Update to macOS, iOS or iPadOS 26: WebGPU is on by itself in Safari 26.",
      "On Safari 18, open Settings, Feature Flags (on iPhone: Settings, Apps, Safari, Advanced) and turn on WebGPU.",
    ],
  },
  {
    name: "Firefox",
    agent: /Firefox\//,
    steps: [
      "Update to version 141 or later on Windows, 145 or later on macOS with Apple silicon.",
      ["Elsewhere, open ", "about:config", " and set ", "dom.webgpu.enabled", " to true; a Nightly works best."],
    ],
  },
  {
    name: "Chrome on Android",
    agent: /Android/,
    steps: ["Update to version 121 or later.", "Android 12 or later, with a Qualcomm or ARM GPU."],
  },
];

/** The page that says what to enable, the visitor's browser first. */
export function noWebgpu(reason: "no WebGPU" | "no adapter"): HTMLElement {
  const agent = navigator.userAgent;
  const yours = [...GUIDES].reverse().find((guide) => guide.agent.test(agent));
  const sorted = yours ? [yours, ...GUIDES.filter((guide) => guide !== yours)] : GUIDES;
  const why =
    reason === "no WebGPU"
      ? "This browser offers no WebGPU, which the models need to run on your graphics card."
      : "This browser knows WebGPU, but found no graphics adapter that it can use.";
  const secure = isSecureContext ? "" : " It is only offered to pages over https or on localhost, and this is neither.";
  return el(
    "section",
    { class: "no-webgpu", id: "no-webgpu" },
    el("h2", {}, "Turn on WebGPU"),
    el("p", { class: "lede" }, `${why}${secure} Nothing else is missing.`),
    el("ul", { class: "browsers" }, ...sorted.map((guide) => guideItem(guide, guide === yours))),
    el("button", { type: "button", class: "button is-main", on: { click: () => location.reload() } }, "Check again"),
  );
}

function guideItem({ name, steps }: BrowserGuide, isYours: boolean): HTMLElement {
  const items = steps.map((step) => {
    const parts = typeof step === "string" ? [step] : step;
    return el("li", {}, el("span", {}, ...parts.map((part, i) => (i % 2 ? el("code", {}, part) : part))));
  });
  const yours = isYours && el("p", { class: "edge" }, "looks like yours");
  return el("li", { class: isYours ? "is-yours" : "" }, el("h3", {}, name), yours, el("ol", {}, ...items));
}
