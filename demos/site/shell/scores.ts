// A list of labels by score, as bars. A best label that has not much of the whole is marked: the model is not sure.
import { SURE_SHARE } from "../../learntPhotos.ts";
import { el } from "./dom.ts";

export interface Score {
  readonly label: string;
  /** Of all scores, which add up to 1. */
  readonly score: number;
  /** What is to say about the label. */
  readonly remark?: string | undefined;
}

const MOST = 12;

/** Rows for the best, best first. */
export function scoreRows(scores: readonly Score[]): HTMLElement[] {
  const sorted = [...scores].sort((a, b) => b.score - a.score).slice(0, MOST);
  return sorted.map(({ label, score, remark }, i) => {
    const isUnsure = i === 0 && score < SURE_SHARE;
    const words = remark ?? (isUnsure ? "not sure" : "");
    const row = el(
      "li",
      { class: `score ${isUnsure || remark ? "is-unsure" : ""}`.trim(), "data-score": score },
      el("span", {}, label),
      words && el("span", { class: "score-remark" }, words),
      el("span", { class: "edge" }, `${(score * 100).toFixed(1)} %`),
    );
    row.style.setProperty("--share", score.toFixed(4));
    return row;
  });
}
