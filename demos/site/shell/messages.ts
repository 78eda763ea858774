// What the page tells: a line for screen readers, and messages that stay until they are dismissed.
import { button, byId, el } from "./dom.ts";

/** Says a line in the polite live region; the same line again is said again. */
export function say(text: string): void {
  const status = byId("status");
  status.textContent = status.textContent === text ? `${text}\u00a0` : text;
}

/** What happened, by the error's kind. */
const TITLES: Readonly<Record<string, string>> = {
  AdapterError: "The GPU cannot do this",
  ArgumentError: "That does not fit",
  CheckpointError: "This model cannot be used",
  DeviceLostError: "The GPU was lost",
  ImageError: "This is not a picture that can be read",
  InvalidFileError: "A file is damaged",
  KernelError: "The GPU's driver refused a kernel",
  LimitError: "Too large for this GPU",
  NetworkError: "The download failed",
  NotFoundError: "There is no such model",
};

export interface MessageOptions {
  readonly title?: string;
  /** A way out, as a button in the message. */
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Shows a note. A message with the same words is shown once. */
export function note(text: string, options: MessageOptions = {}): void {
  show(options.title ?? "", text, "status", options);
}

/** Shows an error in the page. Aborts are what the visitor wanted: they show nothing. */
export function fail(error: unknown, options: MessageOptions = {}): void {
  if (isAbort(error)) return;
  const { name = "Error", message = String(error) } = (error ?? {}) as Partial<Error>;
  show(options.title ?? TITLES[name] ?? "Something went wrong", message, "alert", options);
}

export function isAbort(error: unknown): boolean {
  return (error as Partial<Error> | undefined)?.name === "AbortError";
}

function show(title: string, text: string, role: "status" | "alert", { action }: MessageOptions): void {
  const box = byId("messages");
  const words = `${title}\n${text}`;
  for (const old of box.children) if ((old as HTMLElement).dataset.words === words) old.remove();
  const message = el(
    "div",
    { class: `message ${role === "alert" ? "is-error" : ""}`, role, "data-words": words },
    el("div", {}, title && el("strong", {}, title), el("p", {}, text)),
  );
  const close = button("Dismiss", () => message.remove(), "is-small");
  const run = () => {
    message.remove();
    action?.run();
  };
  const act = action && button(action.label, run, "is-small is-main");
  message.append(el("div", { class: "row" }, act, close));
  box.append(message);
  message.scrollIntoView({ block: "nearest" }); // on a phone it stands above what is looked at
  while (box.children.length > 3) box.firstElementChild?.remove();
}
