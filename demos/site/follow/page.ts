// The page: a film on the light table, things that were clicked on, and where SAM 2 finds them.
import { Pointing, type Tool } from "../cut/pointing.ts";
import { Stage } from "../cut/stage.ts";
import type { SegmentedVideo, VideoSegmenter } from "../engine.ts";
import { button, el, freshId } from "../shell/dom.ts";
import { sortOut, takeDrops } from "../shell/drop.ts";
import { fail, isAbort, say } from "../shell/messages.ts";
import { Progress } from "../shell/progress.ts";
import { Desk } from "./desk.ts";
import { type Film, filmOfCamera, filmOfFile, filmOfPictures } from "./film.ts";
import { Pace } from "./pace.ts";
import { coloursOf } from "./paint.ts";
import { Takeaways } from "./takeaway.ts";
import { Thing } from "./things.ts";
import { Timeline } from "./timeline.ts";

const HELP = "Click on what is to be followed. Right click, or “Not this”, says what does not belong to it.";

export class FollowPage {
  readonly element: HTMLElement;
  readonly #progress = new Progress("Stop");
  readonly #help = freshId("help");
  readonly #stage = new Stage(this.#help);
  readonly #timeline: Timeline;
  readonly #takeaways = new Takeaways(this.#progress);
  readonly #desk: Desk;
  readonly #workspace: HTMLElement;
  readonly #caption = el("span", { class: "name" });
  readonly #state = el("span", { class: "times", id: "state" });
  readonly #follow = button("Follow", () => void this.#followAll(), "is-main");
  readonly #onward = button("From here on", () => void this.#followAll(this.#timeline.frame));
  readonly #another = button("Another object", () => this.#pick(undefined));
  readonly #tools: Readonly<Record<"add" | "remove", HTMLButtonElement>>;
  readonly #pointing: Pointing;
  #segmenter: VideoSegmenter | undefined;
  #film: Film | undefined;
  #video: SegmentedVideo<Thing> | undefined;
  #opening: Promise<SegmentedVideo<Thing> | undefined> | undefined;
  #things: Thing[] = [];
  #made = 0;
  #chosen: Thing | undefined;
  /** The frame that is drawn, and how often one was asked for. */
  #shown = 0;
  #asked = 0;
  /** The frame of a camera that SAM 2 is at; what is kept of it is kept as frame 0. */
  #now = 0;
  #turn = 0;

  constructor(takeModel: (files: File[]) => void) {
    const drops = {
      onPictures: (files: File[]) => void this.#open(() => filmOfPictures(files, nameOf(files))),
      onVideo: (file: File) => void this.#open(() => filmOfFile(file)),
      onModel: takeModel,
    };
    this.#desk = new Desk({
      onFiles: (files) => sortOut(files, drops),
      onCamera: () => void this.#open(filmOfCamera),
      onExample: (files) => void this.#open(() => filmOfPictures(files, "example")),
    });
    takeDrops(drops);
    this.#timeline = new Timeline({
      onFrame: (frame) => void this.#show(frame),
      onPick: (thing) => this.#pick(thing),
      onRemove: (thing) => this.#remove(thing),
    });
    const tool = (name: "add" | "remove", words: string) => button(words, () => this.#setTool(name));
    this.#tools = { add: tool("add", "This"), remove: tool("remove", "Not this") };
    this.#pointing = new Pointing(this.#stage, {
      onPoint: (x, y, label) => void this.#click(x, y, label),
      onBox: ([x0, y0, x1, y1]) => void this.#click((x0 + x1) / 2, (y0 + y1) / 2, 1),
      onHover: () => {},
      onCross: (x, y) => say(`${x}, ${y}`),
      onKey: (key) => this.#key(key),
    });
    this.#workspace = this.#layOut();
    this.element = el("div", { class: "cut-page" }, this.#workspace, this.#desk.element);
    this.#setTool("add");
  }

  /** A model is ready: what was followed by the one before it is kept to be looked at, and its memory is gone. */
  useModel(segmenter: VideoSegmenter): void {
    this.#segmenter = segmenter;
    this.#video = undefined;
    this.#opening = undefined;
    this.#forget();
    if (this.#film?.length === undefined) void this.#begin().catch(fail);
  }

  /** Puts a film on the table. */
  async #open(make: () => Promise<Film>): Promise<void> {
    const turn = ++this.#turn;
    this.#timeline.stop();
    try {
      const film = await make();
      if (turn !== this.#turn) return film.close();
      this.#closeFilm();
      this.#film = film;
      this.#workspace.hidden = false;
      const { name, width, height, length } = film;
      this.#caption.textContent = `${name}  ${width} × ${height}${length ? `, ${length} frames` : ""}`;
      this.#pointing.reset(width, height);
      this.#timeline.element.hidden = length === undefined;
      this.#timeline.reset(length ?? 1, film.rate);
      this.#desk.mark();
      this.#forget();
      await this.#begin();
      this.#stage.element.scrollIntoView({ block: "nearest" });
    } catch (error) {
      fail(error, { title: "This film cannot be opened" });
    }
  }

  /** The first frame: of a camera the one that SAM 2 takes, so that a click is of what is seen. */
  async #begin(): Promise<void> {
    if (this.#film?.length === undefined) await this.#opened();
    await this.#show(0);
  }

  #closeFilm(): void {
    this.#video?.dispose();
    this.#film?.close();
    this.#video = this.#opening = this.#film = undefined;
  }

  /** Nothing is followed yet. */
  #forget(): void {
    this.#video?.reset();
    this.#things = [];
    this.#made = this.#now = 0;
    this.#pick(undefined);
  }

  /** The film as SAM 2 has it open. */
  #opened(): Promise<SegmentedVideo<Thing> | undefined> {
    const [film, segmenter] = [this.#film, this.#segmenter];
    if (!film || !segmenter) return Promise.resolve(undefined);
    this.#opening ??= segmenter.open<Thing>(film.frames, { promptedFrames: 8 }).then((video) => {
      if (film !== this.#film || segmenter !== this.#segmenter) {
        video.dispose();
        return undefined;
      }
      this.#video = video;
      return video;
    });
    this.#opening.catch(() => (this.#opening = undefined));
    return this.#opening;
  }

  /** A click in the frame that is shown: its mask at once. */
  async #click(x: number, y: number, label: 0 | 1): Promise<void> {
    if (!this.#segmenter) return say("The model is not ready yet.");
    const film = this.#film;
    if (!film) return;
    this.#timeline.stop();
    const frame = film.length === undefined ? 0 : this.#timeline.frame;
    const thing = this.#chosen ?? new Thing(++this.#made);
    if (!this.#chosen) {
      this.#things.push(thing);
      this.#pick(thing);
    }
    const points = [...(thing.clicks.get(frame) ?? []), { x, y, label }];
    thing.clicks.set(frame, points);
    this.#draw();
    this.#stage.element.toggleAttribute("data-busy", true);
    try {
      const video = await this.#opened();
      const mask = await video?.addPrompt(film.length === undefined ? this.#now : frame, thing, { points });
      if (!mask || !this.#things.includes(thing)) return;
      thing.keep(frame, mask);
      say(`${thing.name}: ${mask.score > 0 ? "a mask" : "nothing"} in frame ${frame + 1}.`);
    } catch (error) {
      const before = points.slice(0, -1);
      if (before.length > 0) thing.clicks.set(frame, before);
      else thing.clicks.delete(frame);
      fail(error);
    } finally {
      this.#stage.element.toggleAttribute("data-busy", false);
      this.#draw();
    }
  }

  /** Follows all things, from the first click both ways, or from a frame to the end. */
  async #followAll(from?: number): Promise<void> {
    const [film, video] = [this.#film, this.#video];
    if (!film || !video || this.#things.length === 0) return;
    const start = from ?? Math.min(...this.#things.map(({ shownAt }) => shownAt ?? 0));
    const direction = from === undefined && start > 0 ? "both" : "forward";
    const count = film.length && (direction === "both" ? film.length : film.length - start);
    const pace = new Pace(count);
    this.#timeline.stop();
    this.#isFollowing(true);
    const signal = this.#progress.start("Following: the first frame");
    try {
      const place = film.length === undefined ? {} : ({ from: start, direction } as const);
      for await (const { frame, masks } of video.propagate({ ...place, signal })) {
        const kept = film.length === undefined ? 0 : frame;
        if (film.length === undefined && frame > this.#now) {
          this.#now = frame;
          for (const { clicks } of this.#things) clicks.clear(); // they were of a frame that is over
        }
        for (const [thing, mask] of masks) thing.keep(kept, mask);
        this.#progress.update(pace.tell(), pace.share);
        this.#timeline.frame = kept;
        await this.#show(kept);
      }
      say(`Followed through ${pace.done} frames.`);
      this.#state.textContent = pace.summary();
    } catch (error) {
      if (isAbort(error)) say("Stopped. What was found is kept.");
      else if (video === this.#video) fail(error); // else another film or model took its place
    } finally {
      this.#progress.done();
      this.#isFollowing(false);
    }
  }

  #isFollowing(isBusy: boolean): void {
    this.#workspace.toggleAttribute("data-following", isBusy);
    this.#draw();
  }

  #remove(thing: Thing): void {
    this.#things = this.#things.filter((other) => other !== thing);
    if (thing.found.size > 0) this.#video?.removeObject(thing);
    this.#pick(this.#things.at(-1));
  }

  /** Clicks are of this thing; undefined for one that the next click makes. */
  #pick(thing: Thing | undefined): void {
    this.#chosen = thing;
    this.#draw();
  }

  /** Draws a frame; an older one that is still decoded gives way. */
  async #show(frame: number): Promise<void> {
    const [film, asked] = [this.#film, ++this.#asked];
    if (!film) return;
    const bitmap = await film.picture(frame);
    if (asked !== this.#asked || film !== this.#film) return bitmap.close();
    this.#shown = frame;
    const { name, width, height } = film;
    this.#stage.replace({ name: `${name}, frame ${frame + 1}`, width, height, bitmap });
    this.#draw();
  }

  #draw(): void {
    const film = this.#film;
    const isBusy = this.#workspace?.hasAttribute("data-following") ?? false;
    const isClicked = this.#things.some(({ found }) => found.size > 0);
    this.#follow.disabled = this.#onward.disabled = isBusy || !isClicked;
    this.#another.disabled = isBusy || !this.#chosen;
    this.#onward.hidden = film?.length === undefined;
    this.#takeaways.show(isBusy || !film ? undefined : { film, things: this.#things });
    this.#timeline.draw(this.#things, this.#chosen);
    if (!film) return;
    this.#stage.colours = coloursOf(this.#things, this.#shown, film.width, film.height);
    this.#stage.prompt = { points: this.#chosen?.clicks.get(this.#shown) ?? [] };
  }

  #setTool(tool: Extract<Tool, "add" | "remove">): void {
    for (const [name, face] of Object.entries(this.#tools)) face.setAttribute("aria-pressed", String(name === tool));
    this.#pointing.tool = tool;
  }

  /** Keys of the stage: frames back and forth. */
  #key(key: string): boolean {
    const step = { ",": -1, ".": 1 }[key];
    const length = this.#film?.length;
    if (!step || length === undefined) return false;
    this.#timeline.frame = Math.min(length - 1, Math.max(0, this.#timeline.frame + step));
    void this.#show(this.#timeline.frame);
    return true;
  }

  #layOut(): HTMLElement {
    const edge = el("figcaption", { class: "frame-edge" }, this.#caption, this.#state);
    const frame = el("figure", { class: "frame" }, this.#stage.element, edge);
    const table = el("div", { class: "stack" }, frame, this.#timeline.element, this.#progress.element);
    const tools = el(
      "div",
      { class: "tools", role: "group", "aria-label": "What a click says" },
      ...Object.values(this.#tools),
    );
    const side = el(
      "div",
      { class: "stack cut-side" },
      el("p", { class: "hint", id: this.#help }, `${HELP} Keys: “,” and “.” go a frame back and on.`),
      tools,
      this.#another,
      el("div", { class: "follow-buttons" }, this.#follow, this.#onward),
      this.#takeaways.element,
    );
    return el("div", { class: "cut follow", hidden: true }, table, side);
  }
}

/** What a list of pictures is called: its folder, or its first one. */
function nameOf(files: readonly File[]): string {
  const [first] = files;
  return first?.webkitRelativePath.split("/")[0] || first?.name || "pictures";
}
