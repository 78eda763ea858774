// Programs called ffmpeg and ffprobe for tests, first in PATH: they decode "videos" that are a line of JSON, so that
// what goes through the pipes is known, and films are what went in. Their options are those of the real ones, which
// test/io/videoFile.test.ts asks too where there are some.
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** What a stand-in's video is. */
export interface StandInVideo {
  readonly width: number;
  readonly height: number;
  /** Frames that come. */
  readonly frames: number;
  /** Frames that the file has by its own words; the same when absent, null for none. */
  readonly told?: number | null;
  /** Seconds, for files that do not tell their frames. */
  readonly duration?: number;
  /** Red, green and blue of a frame's pixels; `[frame, x, y]` when absent. */
  readonly pixels?: readonly (readonly number[])[];
  /** What ffmpeg writes on stderr when it has given the frames. */
  readonly words?: string;
  /** What it ends with. */
  readonly code?: number;
  /** Bytes of the last frame that are missing. */
  readonly missing?: number;
  /** Never ends after its frames. */
  readonly hangs?: boolean;
  /** No stream is a video. */
  readonly isSound?: boolean;
}

const SCRIPT = `#!${process.execPath}
const { readFileSync, writeFileSync, appendFileSync } = require("node:fs");
const args = process.argv.slice(2);
const after = (flag) => args[args.indexOf(flag) + 1];
const log = process.env.STAND_IN_LOG;
if (log) appendFileSync(log, JSON.stringify([process.pid, ...args]) + "\\n");
if (args[0] === "-version") process.exit(0);
const input = after("-i").replace(/^file:/, "");
if (input === "pipe:0") {
  const parts = [];
  process.stdin.on("data", (part) => parts.push(part)).on("end", () => {
    writeFileSync(args.at(-1).replace(/^file:/, ""), Buffer.concat(parts));
  });
} else {
  const video = JSON.parse(readFileSync(input, "utf8"));
  const { width, height, frames, told = frames, duration, pixels, words = "", code = 0, missing = 0 } = video;
  const end = () => { process.stderr.write(words); process.exitCode = code; };
  if (args.includes("-show_entries")) {
    const counted = args.includes("-count_frames");
    const stream = { avg_frame_rate: "10/1", ...(told !== null && { nb_frames: String(told) }) };
    if (counted) stream.nb_read_frames = String(frames);
    const format = duration === undefined ? {} : { duration: String(duration) };
    process.stdout.write(JSON.stringify({ streams: video.isSound ? [] : [stream], format }));
    if (counted) end();
  } else {
    const from = Number(/select=gte\\(n\\\\,(\\d+)\\)/.exec(after("-vf"))?.[1] ?? 0);
    const lines = ["P7", "WIDTH " + width, "HEIGHT " + height, "DEPTH 4", "MAXVAL 255", "TUPLTYPE RGB_ALPHA", "ENDHDR"];
    const head = Buffer.from(lines.map((line) => line + "\\n").join(""));
    const frame = (n) => {
      if (n >= frames) return video.hangs ? setInterval(() => {}, 1000) : end();
      const bytes = Buffer.alloc(width * height * 4, 255);
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) bytes.set(pixels?.[n] ?? [n, x, y], (y * width + x) * 4);
      const whole = Buffer.concat([head, bytes]);
      process.stdout.write(n === frames - 1 ? whole.subarray(0, whole.length - missing) : whole, () => frame(n + 1));
    };
    frame(from);
  }
}
`;

export interface StandIn {
  /** The folder of the programs. */
  readonly folder: string;
  /** Puts them into PATH; what it gives puts that back. */
  use(): () => void;
  remove(): Promise<void>;
  /** Writes a video and gives its path. */
  video(name: string, video: StandInVideo): Promise<string>;
}

/** Makes the programs; `use` puts them into this process's PATH. */
export async function standInFfmpeg(): Promise<StandIn> {
  const folder = await mkdtemp(join(tmpdir(), "webgpu-vision-ffmpeg-"));
  for (const name of ["ffmpeg", "ffprobe"]) {
    await writeFile(join(folder, name), SCRIPT);
    await chmod(join(folder, name), 0o755);
  }
  const { PATH = "" } = process.env;
  return {
    folder,
    use: () => {
      process.env.PATH = `${folder}${delimiter}${PATH}`;
      return () => {
        process.env.PATH = PATH;
      };
    },
    remove: () => rm(folder, { recursive: true }),
    video: async (name, video) => {
      const path = join(folder, name);
      await writeFile(path, JSON.stringify(video));
      return path;
    },
  };
}
