// Pictures that the classifier is asked about, each with the score of every class.
import { el } from "../shell/dom.ts";
import { scoreRows } from "../shell/scores.ts";
import type { Picture } from "./pictures.ts";
import { PictureView } from "./view.ts";

const MOST = 12;

interface Card {
  readonly picture: Picture;
  readonly view: PictureView;
  readonly element: HTMLElement;
  readonly scores: HTMLElement;
}

export class Questions {
  readonly element = el("ul", { class: "film questions", "aria-label": "Pictures told apart" });
  #cards: Card[] = [];

  get pictures(): Picture[] {
    return this.#cards.map(({ picture }) => picture);
  }

  /** The newest come first; the oldest go when there are many. */
  add(pictures: readonly Picture[]): void {
    for (const picture of pictures) {
      if (this.#cards.some((card) => card.picture === picture)) continue;
      const card = makeCard(picture);
      this.#cards.push(card);
      this.element.prepend(card.element);
    }
    for (const { view, element } of this.#cards.splice(0, Math.max(0, this.#cards.length - MOST))) {
      view.close();
      element.remove();
    }
  }

  clear(): void {
    for (const { view } of this.#cards) view.close();
    this.#cards = [];
    this.element.replaceChildren();
  }

  /** Scores of the classes for each picture, in the order of `pictures`. */
  show(answers: readonly Float32Array[], classes: readonly string[] = []): void {
    this.#cards.forEach(({ scores, element }, i) => {
      const answer = answers[i];
      const rows = scoreRows(classes.map((label, c) => ({ label, score: answer?.[c] ?? 0 })));
      scores.replaceChildren(...(answer ? rows : [el("li", { class: "hint" }, "…")]));
      const best = answer && classes[answer.indexOf(Math.max(...answer))];
      element.dataset.best = best ?? "";
    });
  }
}

function makeCard(picture: Picture): Card {
  const view = new PictureView();
  view.show({ picture }, picture.name);
  const scores = el("ol", { class: "scores", "aria-label": `Classes of ${picture.name} by score` });
  const frame = el("div", { class: "cell-picture" }, view.canvas);
  const edge = el("p", { class: "cell-edge" }, el("span", {}, picture.name));
  const cell = el("div", { class: "cell" }, frame, edge);
  const element = el("li", { class: "question", "data-name": picture.name }, cell, scores);
  return { picture, view, element, scores };
}
