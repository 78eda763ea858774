// The camera as DINO sees it: each frame's patches in colours, as fast as the GPU makes them. Frames go to the GPU
// without passing through JavaScript. Without a camera a moving drawing takes its place.
import { Dino, type PcaBasis, pca } from "webgpu-vision";

const video = document.querySelector("video") as HTMLVideoElement;
const canvas = document.querySelector("canvas") as HTMLCanvasElement;
const status = document.querySelector("p") as HTMLParagraphElement;

const model = new URLSearchParams(location.search).get("model") ?? "facebook/dino-vits16";
const dino = await Dino.fromPretrained(model);
let basis: PcaBasis | undefined; // that of the first frame, so that colours stay

async function show(): Promise<void> {
  const start = performance.now();
  const frame = new VideoFrame(video);
  const features = await dino.encodeImage(frame, { size: 224 }).finally(() => frame.close());
  const { pictures, basis: made } = pca([features], basis && { basis });
  basis ??= made;
  for (const picture of pictures) draw(picture);
  status.textContent = `${(performance.now() - start).toFixed(0)} ms a frame`;
  video.requestVideoFrameCallback(show);
}

function draw({ width, height, rgb }: { width: number; height: number; rgb: Uint8Array }): void {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) pixels.data.set([...rgb.subarray(i * 3, i * 3 + 3), 255], i * 4);
  Object.assign(canvas, { width, height });
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}

/** A circle that goes round. */
function drawing(): MediaStream {
  const board = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const context = board.getContext("2d") as CanvasRenderingContext2D;
  setInterval(() => {
    const angle = performance.now() / 1000;
    context.fillStyle = "steelblue";
    context.fillRect(0, 0, 320, 240);
    context.fillStyle = "orange";
    context.beginPath();
    context.arc(160 + 80 * Math.cos(angle), 120 + 60 * Math.sin(angle), 50, 0, 2 * Math.PI);
    context.fill();
  }, 40);
  return board.captureStream();
}

video.srcObject = (await navigator.mediaDevices?.getUserMedia({ video: true }).catch(drawing)) ?? drawing();
video.requestVideoFrameCallback(show);
await video.play();
