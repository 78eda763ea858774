// What the page of videoSources.test.ts runs: a SAM 2 follows something through WebCodecs' frames, a film in a <video>
// and the stream of a canvas.
import { liveFrames, VideoSegmenter } from "../../src/video.ts";

const [WIDTH, HEIGHT, FRAMES] = [96, 64, 5];

/** Draws frame `i`: a square that moves, on a ground of the frame's own colour. */
function draw(context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D, i: number): void {
  context.fillStyle = `rgb(${20 + 40 * i} 60 90)`;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = "#ffd040";
  context.fillRect(10 + 8 * i, 20, 24, 24);
}

function canvasOf(): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  return [canvas, canvas.getContext("2d") as CanvasRenderingContext2D];
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const open = () => VideoSegmenter.fromPretrained(new URL("test/golden/small-sam2-video", location.href));

/** What an element shows: its time in frames, and how red the ground is, which is redder from frame to frame. */
interface Shown {
  readonly frame: number;
  readonly time: number;
  readonly red: number;
}

/** What the page offers to the test. */
export interface VideoSourcesPage {
  /** Frames that were seen, and whether each VideoFrame is closed afterwards. */
  videoFrames(): Promise<{ seen: number[]; isClosed: boolean[] }>;
  /** The length of a film, and what the element shows after each frame. */
  element(): Promise<{ length: number | undefined; shown: Shown[] }>;
  /** Frames that were seen of a stream, how many were dropped, and what a stream is told that is given as a film. */
  live(): Promise<{ seen: number[]; dropped: number; refused: string }>;
}

const page: VideoSourcesPage = {
  async videoFrames() {
    const yielded: VideoFrame[] = [];
    const frames = async function* () {
      const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
      const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
      for (let i = 0; i < FRAMES; i++) {
        draw(context, i);
        const frame = new VideoFrame(canvas, { timestamp: i * 40_000 });
        yielded.push(frame);
        yield frame;
      }
    };
    using segmenter = await open();
    using video = await segmenter.open(frames());
    await video.addPrompt(0, 1, { points: [{ x: 20, y: 30 }] });
    const seen: number[] = [];
    for await (const { frame } of video.propagate()) seen.push(frame);
    return { seen, isClosed: yielded.map(({ format }) => format === null) };
  },

  async element() {
    const film = await recorded();
    const element = Object.assign(document.createElement("video"), { muted: true, src: URL.createObjectURL(film) });
    await new Promise((resolve) => element.addEventListener("loadeddata", resolve, { once: true }));
    element.currentTime = 1e9; // a recorder's film tells its length at its end
    await new Promise((resolve) => element.addEventListener("seeked", resolve, { once: true }));
    using segmenter = await open();
    using video = await segmenter.open(element, { frameRate: FRAMES / element.duration });
    const [, context] = canvasOf();
    const shown: Shown[] = [];
    const look = (frame: number) => {
      context.drawImage(element, 0, 0);
      const red = context.getImageData(2, 2, 1, 1).data[0] ?? -1;
      shown.push({ frame, time: (element.currentTime / element.duration) * FRAMES, red });
    };
    await video.addPrompt(2, 1, { points: [{ x: 20, y: 30 }] });
    look(2);
    for await (const { frame } of video.propagate({ direction: "both" })) if (frame !== 2) look(frame);
    return { length: video.length, shown };
  },

  async live() {
    const [canvas, context] = canvasOf();
    let at = 0;
    const timer = setInterval(() => draw(context, at++ % 8), 15);
    const element = Object.assign(document.createElement("video"), { muted: true });
    element.srcObject = canvas.captureStream();
    await element.play();
    using segmenter = await open();
    const refused = await segmenter.open(element).then(
      () => "",
      (error) => String(error),
    );
    const live = liveFrames(element);
    using video = await segmenter.open(live);
    await video.addPrompt(0, 1, { points: [{ x: 20, y: 30 }] });
    const seen: number[] = [];
    for await (const { frame } of video.propagate()) {
      seen.push(frame);
      await wait(150); // slower than the camera
      if (frame === 4) live.close();
    }
    clearInterval(timer);
    return { seen, dropped: live.dropped, refused };
  },
};

/** A film of the frames, each for 200 ms. */
async function recorded(): Promise<Blob> {
  const [canvas, context] = canvasOf();
  draw(context, 0);
  const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: "video/webm", videoBitsPerSecond: 4e6 });
  const chunks: Blob[] = [];
  recorder.addEventListener("dataavailable", ({ data }) => chunks.push(data));
  const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve));
  recorder.start();
  for (let i = 0; i < FRAMES; i++) {
    draw(context, i);
    await wait(200);
  }
  recorder.stop();
  await ended;
  return new Blob(chunks, { type: "video/webm" });
}

Object.assign(globalThis, { page });
