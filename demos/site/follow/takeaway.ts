// What can be taken away: the masks of all frames as a zip of PNGs, and a film of what was cut out.
import { download, stemOf } from "../cut/save.ts";
import { button, el } from "../shell/dom.ts";
import { fail, isAbort, say } from "../shell/messages.ts";
import type { Progress } from "../shell/progress.ts";
import type { Film } from "./film.ts";
import { drawCutOut, maskPng } from "./paint.ts";
import type { Thing } from "./things.ts";
import { zip } from "./zip.ts";

/** Editors of films take this colour out. */
const GREEN = "#00b140";

/** The first of these that the browser can record; undefined where it records no canvas. */
function filmType(): string | undefined {
  if (typeof MediaRecorder !== "function" || !("captureStream" in HTMLCanvasElement.prototype)) return undefined;
  return ["video/webm;codecs=vp9", "video/webm", "video/mp4"].find((type) => MediaRecorder.isTypeSupported(type));
}

export class Takeaways {
  readonly element: HTMLElement;
  readonly #progress: Progress;
  readonly #masks = button(
    "Masks as PNGs, zipped",
    () => void this.#save("-masks.zip", (s) => this.#zip(s)),
    "is-main",
  );
  readonly #film = button("Cut-out film", () => void this.#save(this.#ending, (s) => this.#record(s)));
  readonly #type = filmType();
  #what: { readonly film: Film; readonly things: readonly Thing[] } | undefined;

  constructor(progress: Progress) {
    this.#progress = progress;
    const hint = this.#type
      ? "The film is green where nothing was cut out, for editors to take out."
      : "This browser records no films of a canvas (MediaRecorder): take the masks, or another browser.";
    const row = el("div", { class: "row" }, this.#masks, this.#film);
    this.element = el(
      "section",
      { class: "stack saving", "aria-label": "Save" },
      row,
      el("p", { class: "hint" }, hint),
    );
    this.show(undefined);
  }

  get #ending(): string {
    return `-cut.${this.#type?.includes("mp4") ? "mp4" : "webm"}`;
  }

  /** What could be saved now. */
  show(what: { film: Film; things: readonly Thing[] } | undefined): void {
    this.#what = what;
    const isAny = what?.things.some(({ found }) => found.size > 0) && what.film.length !== undefined;
    this.#masks.disabled = !isAny;
    this.#film.disabled = !isAny || !this.#type;
  }

  async #save(ending: string, make: (signal: AbortSignal) => Promise<Blob>): Promise<void> {
    const name = `${stemOf(this.#what?.film.name ?? "film")}${ending}`;
    const signal = this.#progress.start(`${name}: making it`);
    try {
      download(await make(signal), name);
      say(`Saved ${name}.`);
    } catch (error) {
      if (!isAbort(error)) fail(error, { title: "It could not be saved" });
    } finally {
      this.#progress.done();
    }
  }

  async #zip(signal: AbortSignal): Promise<Blob> {
    const { things = [] } = this.#what ?? {};
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    const count = things.reduce((sum, { found }) => sum + found.size, 0);
    for (const { name, found } of things) {
      for (const [frame, here] of [...found].sort(([a], [b]) => a - b)) {
        signal.throwIfAborted();
        const path = `${name.toLowerCase().replace(" ", "-")}/${String(frame).padStart(5, "0")}.png`;
        files.set(path, await maskPng(here));
        this.#progress.update(`${files.size} of ${count} masks`, files.size / count);
      }
    }
    return zip(files);
  }

  /** Recorded in its own time: recorders have no other. */
  async #record(signal: AbortSignal): Promise<Blob> {
    const { film, things } = this.#what as { film: Film; things: readonly Thing[] };
    const { length = 0, rate } = film;
    const canvas = el("canvas", { width: film.width, height: film.height });
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    const stream = canvas.captureStream(0);
    const [track] = stream.getVideoTracks() as CanvasCaptureMediaStreamTrack[];
    const recorder = new MediaRecorder(stream, { mimeType: this.#type as string, videoBitsPerSecond: 6e6 });
    const chunks: Blob[] = [];
    recorder.addEventListener("dataavailable", ({ data }) => chunks.push(data));
    const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
    recorder.start();
    try {
      for (let frame = 0; frame < length; frame++) {
        signal.throwIfAborted();
        const due = new Promise((resolve) => setTimeout(resolve, 1000 / rate));
        const picture = await film.picture(frame);
        drawCutOut(context, picture, things, frame, GREEN);
        picture.close();
        track?.requestFrame();
        this.#progress.update(`${frame + 1} of ${length} frames`, (frame + 1) / length);
        await due;
      }
    } finally {
      recorder.stop();
      await ended;
      track?.stop();
    }
    return new Blob(chunks, { type: recorder.mimeType });
  }
}
