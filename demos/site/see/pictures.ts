// Pictures of the page: the file, which the model gets as it is, and a bitmap of screen size, which is drawn. One that
// is opened twice is the same picture, so that its features are computed once.
import { note } from "../shell/messages.ts";
import { aside } from "./aside.ts";

export interface Picture {
  readonly id: number;
  readonly name: string;
  readonly file: File;
  /** No larger than a screen needs, upright. */
  readonly bitmap: ImageBitmap;
  /** The same, for small frames. */
  readonly small: ImageBitmap;
}

const WIDTH = 1200;
const SMALL = 400;
const opened = new Map<string, Promise<Picture>>();

/** Opens files; those that are no pictures are left out, with a message. */
export async function openPictures(files: readonly File[]): Promise<Picture[]> {
  const pictures: Picture[] = [];
  for (const file of files) {
    try {
      pictures.push(await open(file));
    } catch {
      note("It is damaged, or of a kind that this browser does not read.", {
        title: `${file.name} is left out: it cannot be read as a picture`,
      });
    }
  }
  return pictures;
}

function open(file: File): Promise<Picture> {
  const key = `${file.webkitRelativePath || file.name} ${file.size}`;
  const known = opened.get(key);
  if (known) return known;
  const id = opened.size + 1;
  const opening = aside("shrink", file, [WIDTH, SMALL]).then(([bitmap, small]) => {
    return { id, name: file.name, file, bitmap: bitmap as ImageBitmap, small: small as ImageBitmap };
  });
  opened.set(key, opening);
  return opening;
}
