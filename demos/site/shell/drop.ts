// Files as they come into a page: dropped anywhere on it (folders too), chosen in a dialog, pasted. Pictures and the
// files of a model are told apart here, so that both can be dropped on the same page.
import { el } from "./dom.ts";
import { fail, note } from "./messages.ts";

export interface Drops {
  /** Pictures, in the order of their paths. */
  readonly onPictures: (files: File[]) => void;
  /** A film; the first of several. */
  readonly onVideo?: (file: File) => void;
  /** The files of a model: config.json, *.safetensors and what lies beside them. */
  readonly onModel?: (files: File[]) => void;
}

const PICTURE = /\.(jpe?g|png|webp|gif|avif|bmp|heic|heif|tiff?|svg|jfif)$/i;
const VIDEO = /\.(mp4|m4v|mov|webm|mkv|ogv|avi)$/i;
const MODEL = /\.(safetensors|json|txt|bin|pt|pth|onnx|gguf)$/i;
const WEIGHTS = /\.(safetensors|bin|pt|pth|onnx|gguf)$/i;

/** "photo 9" comes before "photo 10". */
const byNumber = new Intl.Collator("en", { numeric: true });

/** Takes what is dropped on the page or pasted into it. */
export function takeDrops(drops: Drops): void {
  let depth = 0;
  const over = (isOver: boolean) => document.body.classList.toggle("is-dropping", isOver);
  document.addEventListener("dragenter", () => over(++depth > 0));
  document.addEventListener("dragleave", () => over(--depth > 0));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over((depth = 0) > 0);
    const { dataTransfer } = event;
    if (dataTransfer) filesOf(dataTransfer).then((files) => sortOut(files, drops), fail);
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    const files = [...(clipboardData?.files ?? [])];
    if (files.length > 0) sortOut(files, drops);
  });
}

/** Gives files to whom they belong, and says which of them nobody wants. */
export function sortOut(files: readonly File[], { onPictures, onVideo, onModel }: Drops): void {
  const seen = files.filter(({ name }) => !name.startsWith("."));
  const pictures = seen.filter(isPicture).sort((a, b) => byNumber.compare(pathOf(a), pathOf(b)));
  const isModel = seen.some(({ name }) => WEIGHTS.test(name) || name === "config.json");
  const model = onModel && isModel ? seen.filter(({ name }) => MODEL.test(name)) : [];
  const videos = onVideo ? seen.filter(({ type, name }) => type.startsWith("video/") || VIDEO.test(name)) : [];
  const taken = new Set([...pictures, ...model, ...videos]);
  const rest = seen.filter((file) => !taken.has(file));
  if (rest.length > 0) {
    const names = rest.slice(0, 3).map(({ name }) => name);
    const more = rest.length > 3 ? ` and ${rest.length - 3} more` : "";
    note(`${names.join(", ")}${more}: neither a picture nor a ${onVideo ? "video or a " : ""}file of a model.`, {
      title: "Left out",
    });
  }
  if (videos[0]) onVideo?.(videos[0]);
  else if (pictures.length > 0) onPictures(pictures);
  if (model.length > 0) onModel?.(model);
}

function isPicture({ type, name }: File): boolean {
  return type.startsWith("image/") || PICTURE.test(name);
}

function pathOf(file: File): string {
  return file.webkitRelativePath || file.name;
}

async function filesOf({ items, files }: DataTransfer): Promise<File[]> {
  // Entries must be taken before the first await: the list is empty after the event.
  const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null);
  const plain = [...files];
  if (entries.every((entry) => !entry?.isDirectory)) return plain;
  const inEntries: File[] = [];
  for (const entry of entries) if (entry) await walk(entry, inEntries);
  return inEntries;
}

async function walk(entry: FileSystemEntry, found: File[]): Promise<void> {
  if (entry.isFile) {
    found.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader gives at most a hundred entries at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const child of some) await walk(child, found);
  }
}

/** A button that opens the dialog for files, or for a folder with all that is in it. */
export function fileButton(
  label: string,
  onFiles: (files: File[]) => void,
  { folder = false, accept = "", multiple = true, kind = "" } = {},
): HTMLElement {
  const input = el("input", { type: "file", class: "visually-hidden", tabindex: -1, "aria-label": label, accept });
  input.multiple = multiple;
  if (folder) input.webkitdirectory = true;
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = ""; // so that the same files can be chosen again
    if (files.length > 0) onFiles(files);
  });
  const open = () => {
    if (folder && window.showDirectoryPicker) chooseFolder().then((files) => files && onFiles(files), fail);
    else input.click();
  };
  const face = el("button", { type: "button", class: `button ${kind}`.trim(), on: { click: open } }, label);
  input.setAttribute("aria-hidden", "true");
  return el("span", { class: "file-button" }, face, input);
}

/** File System Access, where the browser has it: no upload prompt, and folders of any size. */
async function chooseFolder(): Promise<File[] | undefined> {
  const folder = await window.showDirectoryPicker?.({ mode: "read" });
  if (!folder) return undefined;
  const inFolder: File[] = [];
  await list(folder, inFolder);
  return inFolder;
}

async function list(folder: FileSystemDirectoryHandle, found: File[]): Promise<void> {
  for await (const entry of folder.values()) {
    if (entry.kind === "directory") await list(entry as FileSystemDirectoryHandle, found);
    else found.push(await (entry as FileSystemFileHandle).getFile());
  }
}

declare global {
  interface Window {
    /** Chromium only. */
    showDirectoryPicker?: (options: { mode: "read" }) => Promise<FileSystemDirectoryHandle>;
  }
}
