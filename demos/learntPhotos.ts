// The pictures of demos/photos that show what the small CLIP has learnt, with their labels. It names every one of them
// right (test/api/learntPhotos.test.ts), which it does not for photographs of anything else.

export const LEARNT_PHOTOS: Readonly<Record<string, string>> = {
  "chelsea.png": "cat",
  "drawn-airplane.jpg": "airplane",
  "drawn-automobile.jpg": "automobile",
  "drawn-bird.jpg": "bird",
  "drawn-deer.jpg": "deer",
  "drawn-dog.jpg": "dog",
  "drawn-frog.jpg": "frog",
  "drawn-horse.jpg": "horse",
  "drawn-ship.jpg": "ship",
  "drawn-truck.jpg": "truck",
};

/** A best label of a smaller share is marked: the model is not sure. */
export const SURE_SHARE = 0.7;
