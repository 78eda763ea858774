// What the shipped DINO is good for: from five labelled crops of each of ten pictures, k-NN on its features recognises
// other crops better than k-NN on their pixels.
import sharp from "sharp";
import { expect, it } from "vitest";
import { Dino } from "../../src/api/dino.ts";
import type { NdArray } from "../../src/device/tensor.ts";
import { KnnClassifier } from "../../src/features/knn.ts";
import type { RawImage } from "../../src/io/image/image.ts";
import { testDevice } from "../adapters.ts";

const PHOTOS =
  "astronaut.png cars.jpg chelsea.png coffee.png dog.jpg drawn-ship.jpg flower.jpg groceries.jpg rocket.jpg";
const NAMES = [...PHOTOS.split(" "), "truck.jpg"];
const CROPS = 20;
const LABELLED = 5;
const SIDE = 64;
// Half the model's own size: a quarter of the work, and it tells as many apart.
const SIZE = 32;
// SwiftShader takes a tenth of a second for a crop, and several times that when the machine is busy.
const TIMEOUT = 600_000;

let state = 1;
/** 0 to 1, the same sequence each time (Numerical Recipes' generator). */
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

/** Crops as torchvision's RandomResizedCrop makes them, a quarter of the picture or more, flipped and brightened. */
async function jitteredCrops(name: string): Promise<RawImage[]> {
  const { data, info } = await sharp(`demos/photos/${name}`).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const pictures: RawImage[] = [];
  for (let i = 0; i < CROPS; i++) {
    const area = (0.25 + 0.75 * random()) * info.width * info.height;
    const ratio = (4 / 3) ** (2 * random() - 1);
    const width = Math.min(info.width, Math.round(Math.sqrt(area * ratio)));
    const height = Math.min(info.height, Math.round(Math.sqrt(area / ratio)));
    const left = Math.floor(random() * (info.width - width + 1));
    const top = Math.floor(random() * (info.height - height + 1));
    const pixels = await sharp(data, { raw: info })
      .extract({ left, top, width, height })
      .resize(SIDE, SIDE, { fit: "fill" })
      .flop(random() < 0.5)
      .linear(0.6 + 0.8 * random(), 0)
      .raw()
      .toBuffer();
    pictures.push({ width: SIDE, height: SIDE, channels: 3, data: Uint8Array.from(pixels) });
  }
  return pictures;
}

function pixels(images: readonly RawImage[]): NdArray {
  const data = new Float32Array(images.length * SIDE * SIDE * 3);
  images.forEach((image, i) => {
    data.set(image.data, i * SIDE * SIDE * 3);
  });
  return { data, shape: [images.length, SIDE * SIDE * 3] };
}

it(
  "tells crops of ten pictures apart at least 10 points better than their pixels do",
  async () => {
    const train: RawImage[] = [];
    const test: RawImage[] = [];
    for (const name of NAMES) {
      const crops = await jitteredCrops(name);
      train.push(...crops.slice(0, LABELLED));
      test.push(...crops.slice(LABELLED));
    }
    const labels = (each: number) => NAMES.flatMap((name) => Array<string>(each).fill(name));
    const expected = labels(CROPS - LABELLED);
    const accuracy = (known: NdArray, asked: NdArray) => {
      const predicted = new KnnClassifier(known, labels(LABELLED), { k: LABELLED }).predict(asked);
      return (100 * predicted.filter((label, i) => label === expected[i]).length) / expected.length;
    };
    using dino = await Dino.fromPretrained("checkpoints/tiny-dino", { device: await testDevice() });
    const features = accuracy(
      (await dino.encodeImage(train, { size: SIZE })).cls,
      (await dino.encodeImage(test, { size: SIZE })).cls,
    );
    const thumbnails = accuracy(pixels(train), pixels(test));
    console.log(`crops recognised: tiny-dino ${features.toFixed(1)} %, pixels ${thumbnails.toFixed(1)} %`);
    expect(features).toBeGreaterThanOrEqual(thumbnails + 10);
    expect(features).toBeGreaterThan(90);
  },
  TIMEOUT,
);
