// One object: what the visitor points at becomes a mask, step by step.
import type { SamBox, SamPoint } from "../engine.ts";
import { fail, isAbort, note, say } from "../shell/messages.ts";
import { Candidates } from "./candidates.ts";
import { Controls } from "./controls.ts";
import type { Encoded } from "./encoded.ts";
import { best, History, NOTHING, type Prompt, withPoint } from "./history.ts";
import { OneInFlight } from "./oneInFlight.ts";
import type { Picture } from "./picture.ts";
import type { Tool } from "./pointing.ts";
import { type Region, regionOf } from "./region.ts";
import { shareOf } from "./segments.ts";
import type { Stage } from "./stage.ts";

export interface PromptingEvents {
  readonly onTool: (tool: Tool) => void;
  /** The chosen mask changed, or there is none any more. */
  readonly onChange: () => void;
}

export class Prompting {
  readonly candidates = new Candidates((index) => this.choose(index));
  readonly controls: Controls;
  readonly #stage: Stage;
  readonly #encoded: Encoded;
  readonly #events: PromptingEvents;
  readonly #history = new History();
  readonly #previews = new OneInFlight();
  /** Prompts follow one another: each may build on the mask before it. */
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #tool: Tool = "add";
  #picture: Picture | undefined;

  constructor(stage: Stage, encoded: Encoded, events: PromptingEvents) {
    this.#stage = stage;
    this.#encoded = encoded;
    this.#events = events;
    this.controls = new Controls({
      onTool: (tool) => {
        this.#tool = tool;
        events.onTool(tool);
      },
      onUndo: () => this.#travel("undo"),
      onRedo: () => this.#travel("redo"),
      onClear: () => this.#clear(),
    });
  }

  /** The chosen mask, and what the model thinks of it. */
  get chosen(): { readonly region: Region; readonly score: number } | undefined {
    const { masks, chosen } = this.#history.now;
    const mask = masks[chosen];
    return mask && { region: regionOf(mask), score: mask.score };
  }

  get tool(): Tool {
    return this.#tool;
  }

  get points(): readonly SamPoint[] {
    return this.#history.now.prompt.points;
  }

  /** Another picture or model: what was marked belongs to the last one. */
  reset(picture: Picture | undefined): void {
    this.#picture = picture;
    this.#previews.stop();
    this.#history.reset();
  }

  /** Draws what is marked now. */
  show(): void {
    const { now } = this.#history;
    this.#stage.prompt = now.prompt;
    this.#stage.mask = this.chosen?.region;
    this.candidates.show(this.#picture, now);
    this.controls.show(this.#history);
    this.#events.onChange();
  }

  point(point: SamPoint): void {
    this.#ask(() => withPoint(this.#history.now, point, this.controls.refines));
  }

  /** A box replaces the prompt so far: it is drawn around another object, or around the same one more exactly. */
  box(box: SamBox): void {
    this.#ask(() => ({ points: [], box }));
  }

  /** Shows what a click at this place would give. */
  hover(place: readonly [x: number, y: number] | undefined): void {
    this.#stage.preview = undefined;
    const picture = this.#picture;
    if (!place || !this.controls.previews || this.#waiting > 0 || !this.#encoded.isEncoded || this.#tool === "box") {
      this.#previews.stop();
      return;
    }
    const [x, y] = place;
    const label = this.#tool === "remove" ? 0 : 1;
    this.#previews.ask(async (signal) => {
      const prompt = withPoint(this.#history.now, { x, y, label }, this.controls.refines);
      const masks = await this.#encoded.predict(prompt, signal);
      const mask = masks[best(masks)];
      if (mask && !signal.aborted && picture === this.#picture) this.#stage.preview = regionOf(mask);
    });
  }

  /** Chooses another of the masks. */
  choose(index: number): void {
    const { now } = this.#history;
    if (!now.masks[index]) return;
    now.chosen = index;
    this.#stage.mask = this.chosen?.region;
    this.candidates.choose(index);
    this.#tell();
    this.#events.onChange();
  }

  /** Acts on a key, and returns whether the key does anything here. */
  key(key: string): boolean {
    if (/^[1-9]$/.test(key)) this.choose(Number(key) - 1);
    else if (key === "z") this.#travel("undo");
    else if (key === "Z" || key === "y") this.#travel("redo");
    else if (key.toLowerCase() === "c") this.#clear();
    else return false;
    return true;
  }

  #ask(promptNow: () => Prompt): void {
    this.#previews.stop();
    this.#stage.preview = undefined;
    this.#waiting += 1;
    this.#turn = this.#turn.then(() => this.#step(promptNow)).finally(() => (this.#waiting -= 1));
  }

  async #step(promptNow: () => Prompt): Promise<void> {
    const picture = this.#picture;
    if (!picture) return;
    if (!this.#encoded.isReady) return note("It is still on its way: then click again.", { title: "No model yet" });
    const prompt = promptNow();
    this.#stage.prompt = prompt; // at once; the mask follows
    this.#stage.element.dataset.busy = "";
    try {
      const masks = await this.#encoded.predict(prompt);
      if (picture !== this.#picture) return;
      this.#history.push({ prompt, masks, chosen: best(masks) });
      this.show();
      this.#tell();
    } catch (error) {
      if (picture === this.#picture) this.show();
      if (!isAbort(error)) fail(error);
    } finally {
      delete this.#stage.element.dataset.busy;
    }
  }

  #travel(way: "undo" | "redo"): void {
    this.#previews.stop();
    this.#history[way]();
    this.show();
    this.#tell();
  }

  #clear(): void {
    const { prompt } = this.#history.now;
    if (prompt.points.length === 0 && !prompt.box) return;
    this.#previews.stop();
    this.#history.push(NOTHING);
    this.show();
    this.#tell();
  }

  #tell(): void {
    const { masks, chosen } = this.#history.now;
    const [mask, picture] = [masks[chosen], this.#picture];
    if (!mask || !picture) return void say("Nothing is marked.");
    const share = shareOf(regionOf(mask), picture.width, picture.height);
    const which = masks.length > 1 ? `Mask ${chosen + 1} of ${masks.length}` : "Mask";
    say(`${which}: ${share} of the picture, score ${mask.score.toFixed(3)}.`);
  }
}
