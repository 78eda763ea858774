// The user's own ffmpeg and ffprobe, as processes beside this one. Neither comes with the package: their licence and
// their size are the user's to choose, and a folder of frames needs neither.
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { NotFoundError, VisionError } from "../../device/errors.ts";

export interface FfmpegOptions {
  /** What it is needed for, as the beginning of a message: "film.mp4 is a video". */
  readonly purpose: string;
  /** What to do without it, as the end of a message. */
  readonly otherwise: string;
  /** Whether it is given bytes; it has no standard input otherwise. */
  readonly takesInput?: boolean;
}

/** How a process ended. */
export interface Ended {
  /** The exit code, or the name of the signal that ended it. */
  readonly code: number | NodeJS.Signals;
  /** What it wrote on stderr, in short; empty for nothing. */
  readonly words: string;
}

/** Enough for the first lines, which say what was wrong; those that follow are what came of it. */
const MOST_HEARD = 4096;
const MOST_QUOTED = 300;

export class Ffmpeg {
  /** How it ended; rejects with NotFoundError where there is no such program. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;

  constructor(program: "ffmpeg" | "ffprobe", args: readonly string[], options: FfmpegOptions) {
    const { purpose, otherwise, takesInput = false } = options;
    this.#child = spawn(program, args, {
      stdio: [takesInput ? "pipe" : "ignore", "pipe", "pipe"],
      // In a process group of its own: Ctrl-C in a terminal asks this process to end, which then says how ffmpeg is to.
      detached: process.platform !== "win32",
      windowsHide: true,
    });
    let heard = "";
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (heard.length < MOST_HEARD) heard += text;
    });
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", (cause: NodeJS.ErrnoException) => {
        const what = cause.code === "ENOENT" ? `no ${program} is found in PATH` : `${program} does not start`;
        const install = "install ffmpeg (https://ffmpeg.org, or a package manager's ffmpeg)";
        const Kind = cause.code === "ENOENT" ? NotFoundError : VisionError;
        reject(new Kind(`${purpose}, and ${what}: ${install}, or ${otherwise}`, { cause }));
      });
      this.#child.once("close", (code, signal) => resolve({ code: code ?? signal ?? 0, words: quoted(heard) }));
    });
    this.ended.catch(() => {}); // whoever reads or writes asks for it
  }

  /** What it writes. Where that breaks off, `ended` says why. */
  async *output(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const part of this.#child.stdout as Readable) yield part;
    } catch {
      // A program that did not start has a pipe that was never opened.
    }
  }

  /** Passes over what it writes. */
  ignoreOutput(): void {
    this.#child.stdout?.resume();
  }

  /** What it reads. */
  get input(): Writable {
    return this.#child.stdin as Writable;
  }

  /** All that it writes. */
  async text(): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const part of this.output()) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** @throws NotFoundError where there is no ffmpeg. */
export async function checkFfmpeg({ purpose, otherwise }: FfmpegOptions): Promise<void> {
  const ffmpeg = new Ffmpeg("ffmpeg", ["-version"], { purpose, otherwise });
  ffmpeg.ignoreOutput();
  await ffmpeg.ended;
}

/**
 * How a path is named to ffmpeg: as a file, whatever its letters mean elsewhere. What the file names in turn, as
 * playlists do, is not fetched from the network.
 */
export function inputOf(path: string): string[] {
  return ["-protocol_whitelist", "file", "-i", `file:${path}`];
}

/** How it ended, for messages. */
export function said({ code, words }: Ended): string {
  return words === "" ? `it ended with ${code}` : `"${words}"`;
}

/** Lines as one, without the addresses of what speaks, each said once. */
function quoted(text: string): string {
  const lines = text.split(/[\r\n]+/).map((line) => line.replace(/\[[^\]]*@ 0x[0-9a-f]+\] ?/g, "").trim());
  const short = [...new Set(lines.filter((line) => line !== ""))].join("; ").replace(/\p{Cc}/gu, " ");
  return short.length > MOST_QUOTED ? `${short.slice(0, MOST_QUOTED - 1)}…` : short;
}
