// A classifier from a handful of examples: two or more classes with names of the visitor's own.
import { KnnClassifier, LinearProbe, type NdArray } from "../engine.ts";
import { button, el } from "../shell/dom.ts";
import { fileButton } from "../shell/drop.ts";
import { counted, duration } from "../shell/format.ts";
import { fail, say } from "../shell/messages.ts";
import { samplePhotos } from "../shell/samples.ts";
import { ClassCard } from "./classCard.ts";
import { Choice, sampleStrip } from "./controls.ts";
import type { Features } from "./features.ts";
import { openPictures, type Picture } from "./pictures.ts";
import { Questions } from "./questions.ts";
import type { Tab } from "./tab.ts";

const SAMPLES = {
  drawing: ["drawn-ship.jpg", "drawn-sunset.jpg", "drawn-shapes.jpg"],
  photograph: ["dog.jpg", "truck.jpg", "coffee.png"],
} as const;
const SAMPLE_QUESTIONS = ["drawn-cat.jpg", "chelsea.png", "groceries.jpg"];

type Method = "knn" | "probe";
type Classifier = Pick<KnnClassifier, "classes" | "predictProba">;

export class ClassesTab implements Tab {
  readonly id = "classes";
  readonly title = "Classes";
  readonly element: HTMLElement;
  readonly #features: Features;
  readonly #list = el("div", { class: "class-cards" });
  readonly #questions = new Questions();
  readonly #state = el("p", { class: "hint trained", role: "status" });
  #cards: ClassCard[] = [];
  #target: ClassCard | undefined;
  #method: Method = "knn";
  #turn = 0;

  constructor(features: Features) {
    this.#features = features;
    const method = new Choice<Method>("Method", (chosen) => {
      this.#method = chosen;
      void this.#learn();
    });
    method.offer(
      [
        ["knn", "nearest neighbours"],
        ["probe", "linear probe"],
      ],
      this.#method,
    );
    const add = button("Add a class", () => this.#addCard(`class ${this.#cards.length + 1}`).name.select());
    const clear = button("Clear", () => this.#clear(), "is-quiet");
    const head = el(
      "div",
      { class: "section-head" },
      el("h2", {}, "Examples"),
      el("div", { class: "row" }, add, clear),
    );
    const controls = el("div", { class: "dials" }, method.element, this.#state);
    this.element = el("div", { class: "stack" }, head, this.#list, controls, this.#ask(), this.#questions.element);
    this.#addCard("class 1");
    this.#addCard("class 2");
  }

  /** Dropped on a class: examples of it. Dropped elsewhere: pictures to tell apart. */
  async add(files: readonly File[]): Promise<void> {
    const target = this.#target;
    this.#target = undefined;
    const pictures = await openPictures(files);
    if (target) target.add(pictures);
    else this.#questions.add(pictures);
    await this.#learn();
  }

  async refresh(): Promise<void> {
    if (this.#turn === 0) {
      this.#turn = 1;
      await this.#takeSamples();
    }
    await this.#learn();
  }

  async #takeSamples(): Promise<void> {
    for (const [i, [name, files]] of Object.entries(SAMPLES).entries()) {
      const card = this.#cards[i] as ClassCard;
      card.name.value = name;
      card.add(await openPictures(await samplePhotos(files)));
    }
    this.#questions.add(await openPictures(await samplePhotos(SAMPLE_QUESTIONS)));
  }

  #ask(): HTMLElement {
    const take = (files: File[]) => void this.add(files);
    const heading = el("div", { class: "section-head" }, el("h2", {}, "Which is it?"));
    const choose = fileButton("Pictures to tell apart…", take, { accept: "image/*" });
    return el(
      "div",
      { class: "stack asking" },
      heading,
      el("div", { class: "row" }, choose, sampleStrip(take, "Tell apart")),
    );
  }

  #addCard(name: string): ClassCard {
    const card: ClassCard = new ClassCard(name, {
      onFiles: (files) => {
        this.#target = card;
        void this.add(files);
      },
      onDrop: () => {
        this.#target = card;
      },
      onChange: () => void this.#learn(),
      onRemove: () => this.#removeCard(card),
    });
    this.#cards.push(card);
    this.#list.append(card.element);
    return card;
  }

  #removeCard(card: ClassCard): void {
    this.#cards = this.#cards.filter((other) => other !== card);
    card.element.remove();
    void this.#learn();
  }

  #clear(): void {
    this.#features.stop();
    this.#cards = [];
    this.#list.replaceChildren();
    this.#questions.clear();
    this.#addCard("class 1").name.focus();
    this.#addCard("class 2");
    void this.#learn();
    say("All examples are gone.");
  }

  /** Features of all pictures, the classifier, and what it says of the questions. */
  async #learn(): Promise<void> {
    const turn = ++this.#turn;
    const examples = this.#cards.flatMap((card) => card.pictures.map((picture) => ({ picture, label: card.label })));
    const questions = this.#questions.pictures;
    const labels = examples.map(({ label }) => label);
    const count = new Set(labels).size;
    if (count < 2) {
      this.#state.textContent = "Give two classes of different names at least one example each.";
      return this.#questions.show([], undefined);
    }
    const pictures = [...examples.map(({ picture }) => picture), ...questions];
    const features = await this.#features.whole(pictures);
    if (!features || turn !== this.#turn) return;
    const start = performance.now();
    const classifier = await this.#fit(stacked(features.slice(0, labels.length)), labels);
    if (turn !== this.#turn) return;
    const took = duration(performance.now() - start);
    this.#state.textContent = `Trained on ${counted(labels.length, "example")} of ${count} classes in ${took}.`;
    const asked = features.slice(labels.length);
    const answers = asked.length > 0 ? rowsOf(classifier.predictProba(stacked(asked))) : [];
    this.#questions.show(answers, classifier.classes);
    this.#tell(questions, answers, classifier.classes);
  }

  async #fit(features: NdArray, labels: readonly string[]): Promise<Classifier> {
    if (this.#method === "knn") return new KnnClassifier(features, labels);
    try {
      return await LinearProbe.fit(features, labels);
    } catch (error) {
      fail(error, { title: "The linear probe could not be trained: nearest neighbours answer instead" });
      return new KnnClassifier(features, labels);
    }
  }

  #tell(questions: readonly Picture[], answers: readonly Float32Array[], classes: readonly string[]): void {
    const [last, scores] = [questions.at(-1), answers.at(-1)];
    if (!last || !scores) return;
    const best = scores.indexOf(Math.max(...scores));
    say(`${last.name}: ${classes[best]}, ${Math.round((scores[best] as number) * 100)} %`);
  }
}

/** Rows [1, C] under each other. */
function stacked(rows: readonly NdArray[]): NdArray {
  const channels = rows[0]?.shape[1] as number;
  const data = new Float32Array(rows.length * channels);
  rows.forEach((row, i) => {
    data.set(row.data as Float32Array, i * channels);
  });
  return { data, shape: [rows.length, channels] };
}

function rowsOf({ data, shape: [count = 0, width = 0] }: NdArray): Float32Array[] {
  return Array.from({ length: count }, (_, i) => (data as Float32Array).slice(i * width, (i + 1) * width));
}
