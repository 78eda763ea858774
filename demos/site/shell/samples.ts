// The photographs that come with the pages.
import { LEARNT_PHOTOS } from "../../learntPhotos.ts";

const SAMPLES = [
  "chelsea.png",
  "coffee.png",
  "dog.jpg",
  "truck.jpg",
  "cars.jpg",
  "groceries.jpg",
  "flower.jpg",
  "rocket.jpg",
  "astronaut.png",
  "drawn-cat.jpg",
  "drawn-sunset.jpg",
  "drawn-shapes.jpg",
  ...Object.keys(LEARNT_PHOTOS).filter((name) => name !== "chelsea.png"),
];

/** Those that the small CLIP can name. */
export function learntPhotos(): string[] {
  return Object.keys(LEARNT_PHOTOS);
}

/** Sample photographs as files, as if they had been dropped. */
export async function samplePhotos(names: readonly string[] = SAMPLES): Promise<File[]> {
  return Promise.all(
    names.map(async (name) => {
      const response = await fetch(`photos/${name}`);
      if (!response.ok) throw new Error(`photos/${name} answered ${response.status}: reload the page`);
      const blob = await response.blob();
      return new File([blob], name, { type: blob.type || "image/jpeg" });
    }),
  );
}
