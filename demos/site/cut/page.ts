// The page: a photo on the light table, what was marked on it, and what came of it.
import type { Sam } from "../engine.ts";
import { button, el, freshId } from "../shell/dom.ts";
import { sortOut, takeDrops } from "../shell/drop.ts";
import { duration } from "../shell/format.ts";
import type { ModelCard } from "../shell/knownModels.ts";
import { fail, isAbort, note, say } from "../shell/messages.ts";
import { Progress } from "../shell/progress.ts";
import { keyHelp } from "./controls.ts";
import { Desk } from "./desk.ts";
import { Encoded } from "./encoded.ts";
import { Everything } from "./everything.ts";
import { isReduced, openPicture, type Picture } from "./picture.ts";
import { Pointing } from "./pointing.ts";
import { Prompting } from "./prompting.ts";
import { rleOf } from "./save.ts";
import { Saving, type Takeaway } from "./saving.ts";
import { Stage } from "./stage.ts";
import { Zooming } from "./zooming.ts";

type Mode = "object" | "everything";

export class CutPage {
  readonly element: HTMLElement;
  readonly #progress = new Progress("Stop");
  readonly #encoded = new Encoded(this.#progress, (what, time) => this.#clock(what, time));
  readonly #help = freshId("keys");
  readonly #stage = new Stage(this.#help);
  readonly #zooming = new Zooming(this.#stage);
  readonly #prompting = new Prompting(this.#stage, this.#encoded, {
    onTool: (tool) => (this.#pointing.tool = tool),
    onChange: () => this.#offer(),
  });
  readonly #everything = new Everything({
    find: (search) => this.#encoded.everything(search),
    onFound: () => this.#show(),
    onLook: (segment) => (this.#stage.mask = segment?.region),
    onPick: () => this.#show(),
  });
  readonly #pointing: Pointing = new Pointing(this.#stage, {
    onPoint: (x, y, label) => (this.#isObject() ? this.#prompting.point({ x, y, label }) : this.#everything.pick(x, y)),
    onBox: (box) => this.#isObject() && this.#prompting.box(box),
    onHover: (place) => (this.#isObject() ? this.#prompting.hover(place) : this.#everything.look(place)),
    onCross: (x, y) => this.#cross(x, y),
    onKey: (key) => this.#zoomKey(key) || (this.#isObject() && this.#prompting.key(key)),
  });
  readonly #saving = new Saving();
  readonly #desk: Desk;
  readonly #workspace: HTMLElement;
  readonly #caption = el("span", { class: "name" });
  readonly #times = el("span", { class: "times", id: "times" });
  readonly #clocks = new Map<string, number>();
  readonly #tabs: Readonly<Record<Mode, HTMLButtonElement>>;
  readonly #empty = el("p", { class: "hint" }, "Click on something in the photo.");
  readonly #object: HTMLElement;
  #mode: Mode = "object";
  #sam: Sam | undefined;
  #picture: Picture | undefined;
  #opening = 0;

  constructor(takeModel: (files: File[]) => void) {
    const drops = { onPictures: (files: File[]) => void this.open(files), onModel: takeModel };
    this.#desk = new Desk((files) => sortOut(files, drops));
    takeDrops(drops);
    const tab = (mode: Mode, name: string) => button(name, () => this.#setMode(mode));
    this.#tabs = { object: tab("object", "One object"), everything: tab("everything", "Everything") };
    const { candidates, controls } = this.#prompting;
    this.#object = el("div", { class: "stack" }, this.#empty, candidates.element, controls.checks);
    this.#workspace = this.#layOut();
    this.element = el("div", { class: "cut-page" }, this.#workspace, this.#desk.element);
    this.#setMode("object");
  }

  /** A model is ready: the picture is encoded by it. */
  useModel(sam: Sam, card: ModelCard | undefined): void {
    this.#sam = sam;
    this.#everything.isSmallModel = card !== undefined;
    this.#begin();
  }

  /** Puts a photo on the table, the first of those given. */
  async open(files: readonly File[]): Promise<void> {
    const [file] = files;
    if (!file) return;
    const turn = ++this.#opening;
    if (files.length > 1)
      note(`${files.length} pictures came; ${file.name} is on the table.`, { title: "One at a time" });
    try {
      const picture = await openPicture(file);
      if (turn !== this.#opening) return picture.bitmap.close();
      this.#picture?.bitmap.close();
      this.#picture = picture;
      this.#tellSize(picture);
      this.#begin();
      this.#desk.mark(file.name);
      this.#stage.element.scrollIntoView({ block: "nearest" });
    } catch (error) {
      fail(error);
    }
  }

  /** Everything from its beginning, for this picture and this model. */
  #begin(): void {
    const picture = this.#picture;
    this.#workspace.hidden = !picture;
    if (!picture) return;
    this.#clocks.clear();
    this.#times.textContent = "";
    this.#caption.textContent = `${picture.name}  ${picture.width} × ${picture.height}`;
    this.#stage.show(picture);
    this.#zooming.fit();
    this.#pointing.reset(picture.width, picture.height);
    this.#prompting.reset(picture);
    this.#everything.reset(picture);
    this.#encoded.use(this.#sam, picture);
    this.#show();
    this.#encoded.prepare().catch((error) => {
      if (!isAbort(error)) fail(error);
      else if (picture === this.#picture) say("Stopped. A click on the picture starts again.");
    });
  }

  #tellSize(picture: Picture): void {
    if (!isReduced(picture)) return;
    const { width, height } = picture.full;
    const millions = (width * height) / 1e6;
    note(
      `It has ${millions.toFixed(millions < 10 ? 1 : 0)} million pixels (${width} × ${height}). Masks are made at ` +
        `${picture.width} × ${picture.height}, so that a click answers at once; a saved PNG has all pixels again.`,
      { title: `${picture.name} is shown smaller` },
    );
  }

  /** Acts on a key that zooms. */
  #zoomKey(key: string): boolean {
    if (key === "+" || key === "=") this.#zooming.in();
    else if (key === "-") this.#zooming.out();
    else if (key === "0") this.#zooming.fit();
    else return false;
    return true;
  }

  #isObject(): boolean {
    return this.#mode === "object";
  }

  #setMode(mode: Mode): void {
    this.#mode = mode;
    for (const [name, face] of Object.entries(this.#tabs)) face.setAttribute("aria-pressed", String(name === mode));
    this.#object.hidden = mode !== "object";
    this.#everything.element.hidden = mode !== "everything";
    this.#prompting.controls.element.hidden = mode !== "object";
    this.#stage.element.dataset.mode = mode;
    this.#pointing.tool = mode === "object" ? this.#prompting.tool : "add"; // whose buttons are hidden
    this.#show();
  }

  /** Draws what the mode has. */
  #show(): void {
    this.#stage.preview = undefined;
    if (this.#isObject()) {
      this.#stage.colours = undefined;
      this.#prompting.show();
      return;
    }
    this.#stage.prompt = { points: [] };
    this.#stage.colours = this.#everything.segments?.colours;
    this.#stage.mask = this.#everything.picked?.region;
    this.#offer();
  }

  /** Says what can be saved now. */
  #offer(): void {
    this.#empty.hidden = this.#prompting.chosen !== undefined;
    this.#saving.show(this.#picture, this.#isObject() ? this.#ofObject() : this.#ofEverything());
  }

  #ofObject(): Takeaway {
    const { chosen } = this.#prompting;
    if (!chosen) return { region: undefined, masks: () => [], count: 0 };
    const { region, score } = chosen;
    const points = this.#prompting.points.filter(({ label }) => label !== 0).map(({ x, y }) => [x, y] as const);
    return { region, count: 1, masks: () => [{ rle: rleOf(region), score, ...(points.length > 0 && { points }) }] };
  }

  #ofEverything(): Takeaway {
    const { segments, picked } = this.#everything;
    const list = picked ? [picked] : (segments?.list ?? []);
    const masks = () =>
      list.map(({ record }) => ({
        rle: record.segmentation,
        score: record.predictedIou,
        stabilityScore: record.stabilityScore,
        points: record.pointCoords,
      }));
    return { region: picked?.region, count: list.length, masks };
  }

  #cross(x: number, y: number): void {
    if (this.#isObject()) this.#prompting.hover([x, y]);
    else this.#everything.look([x, y]);
    say(`${x}, ${y}`);
  }

  #clock(what: string, time: number): void {
    this.#clocks.set(what, time);
    const texts = [...this.#clocks].map(([name, milliseconds]) => `${name} ${duration(milliseconds)}`);
    this.#times.textContent = texts.join(" · ");
  }

  #layOut(): HTMLElement {
    const edge = el("figcaption", { class: "frame-edge" }, this.#caption, this.#times);
    const frame = el("figure", { class: "frame" }, this.#stage.element, edge);
    const tools = el("div", { class: "row cut-tools" }, this.#prompting.controls.element, this.#zooming.element);
    const table = el("div", { class: "stack" }, frame, tools, this.#progress.element);
    const tabs = el(
      "div",
      { class: "tools", role: "group", "aria-label": "What to cut out" },
      ...Object.values(this.#tabs),
    );
    const side = el(
      "div",
      { class: "stack cut-side" },
      tabs,
      this.#object,
      this.#everything.element,
      this.#saving.element,
      keyHelp(this.#help),
    );
    return el("div", { class: "cut", hidden: true }, table, side);
  }
}
