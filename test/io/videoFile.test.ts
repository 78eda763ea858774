// Frames of video files: through programs that stand in for ffmpeg, whose frames are known, and through the real one
// where there is one.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { VideoFileFrames } from "../../src/io/video/videoFileFrames.ts";
import { VideoFileWriter } from "../../src/io/video/videoFileWriter.ts";
import { type StandIn, type StandInVideo, standInFfmpeg } from "./standInFfmpeg.ts";

const NEVER = new AbortController().signal;
const SMALL = { width: 5, height: 3, frames: 9 };
const FRAME_BYTES = 5 * 3 * 4;
let standIn: StandIn;
let log: string;

beforeAll(async () => {
  standIn = await standInFfmpeg();
  log = join(standIn.folder, "log");
});
afterAll(() => standIn.remove());

describe("by a stand-in for ffmpeg", () => {
  beforeEach(async () => {
    const leave = standIn.use();
    process.env.STAND_IN_LOG = log;
    await writeFile(log, "");
    return () => {
      leave();
      delete process.env.STAND_IN_LOG;
    };
  });

  /** The options of each program that was started. */
  async function started(): Promise<string[][]> {
    const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line));
  }

  async function open(video: Partial<StandInVideo>, isRandom = false, signal = NEVER) {
    const path = await standIn.video("film.mp4", { ...SMALL, ...video });
    return VideoFileFrames.open(path, { isRandom, signal, stretchBytes: 4 * FRAME_BYTES });
  }

  it("gives each frame once, forward, from one run of ffmpeg", async () => {
    const film = await open({});
    expect(film.length).toBeUndefined();
    expect(film.facts).toEqual({ rate: "10/1", told: 9, estimate: 9 });
    for (let n = 0; n < 9; n++) {
      const frame = await film.frame(n, NEVER);
      expect(frame).toMatchObject({ width: 5, height: 3, channels: 4 });
      expect([...(frame?.data.subarray(FRAME_BYTES - 4) ?? [])]).toEqual([n, 4, 2, 255]);
    }
    expect(await film.frame(9, NEVER)).toBeUndefined();
    expect((await started()).filter((args) => args.includes("pam"))).toHaveLength(1);
    film.close();
  });

  it("gives frames in any order, and goes backwards in stretches", async () => {
    const film = await open({}, true);
    expect(film.length).toBe(9);
    const order = [2, 5, 6, 7, 8, 4, 3, 2, 1, 0, 8];
    for (const n of order) expect((await film.frame(n, NEVER))?.data[0], `frame ${n}`).toBe(n);
    // 2 to 8 in one run, 4 to 1 in another, 0 and what follows in the last one.
    const runs = (await started()).filter((args) => args.includes("pam")).map((args) => args.join(" "));
    expect(runs.map((run) => /gte\(n\\,(\d+)\)/.exec(run)?.[1])).toEqual(["2", "1", undefined]);
    film.close();
  });

  it("counts the frames of a short video where it is asked to, and of one that does not tell", async () => {
    const lengthOf = async (video: Partial<StandInVideo>, countBelow: number) => {
      const path = await standIn.video("film.mp4", { ...SMALL, ...video });
      return (await VideoFileFrames.open(path, { isRandom: false, countBelow, signal: NEVER })).length;
    };
    expect(await lengthOf({}, 10)).toBe(9);
    expect(await lengthOf({}, 9)).toBeUndefined();
    expect(await lengthOf({ told: null }, 9)).toBe(9);
  });

  it("estimates how many frames there are where the file does not tell", async () => {
    expect((await open({ told: null, duration: 1.24 })).facts).toEqual({ rate: "10/1", told: undefined, estimate: 12 });
    expect((await open({ told: null })).facts.estimate).toBeUndefined();
  });

  async function allOf(video: Partial<StandInVideo>): Promise<{ frames: number; error?: Error; complaint: string }> {
    const film = await open(video);
    let frames = 0;
    try {
      while (await film.frame(frames, NEVER)) frames++;
      return { frames, complaint: film.complaint };
    } catch (error) {
      return { frames, error: error as Error, complaint: film.complaint };
    } finally {
      film.close();
    }
  }

  it.each([
    [
      { told: 20, words: "[mov @ 0x55ab] partial file\n[mov @ 0x55ab] partial file\n" },
      9,
      /after 9 of 20 .*"partial file"$/,
    ],
    [
      { code: 1, words: "Invalid data\x1b[31m" },
      9,
      /frame 9 of .*film\.mp4 did not come: ffmpeg says "Invalid data \[31m"/,
    ],
    [{ missing: 7, code: 1 }, 8, /frame 8 of .* did not come: ffmpeg says it ended with 1/],
    [{ missing: 7 }, 8, /frame 8 of .* did not come: ffmpeg says it ended with 0/],
    [{ frames: 0, told: null }, 0, /gave no frames/],
    [{ width: 20000 }, 0, /20000 x 3 pixels/],
  ])("refuses %j after %i frames", async (video, frames, message) => {
    const outcome = await allOf(video);
    expect(outcome.frames).toBe(frames);
    expect(outcome.error?.name).toBe("ImageError");
    expect(outcome.error?.message).toMatch(message);
  });

  it("takes a video that shows fewer frames than it has, and one that ffmpeg complains of", async () => {
    expect(await allOf({ told: 20 })).toEqual({ frames: 9, complaint: "" });
    expect(await allOf({ words: "error while decoding MB 3 4\n" })).toEqual({
      frames: 9,
      complaint: "error while decoding MB 3 4",
    });
  });

  it("refuses what ends early before it gives frames where it counts them, and what has no video", async () => {
    await expect(open({ told: 20, words: "partial file" }, true)).rejects.toThrow(/ends early, after 9 of 20 frames/);
    await expect(open({ isSound: true })).rejects.toThrow(/has no video in it/);
  });

  it("ends ffmpeg when it is aborted and when it is closed, and begins it again", async () => {
    const film = await open({ hangs: true });
    const controller = new AbortController();
    for (let n = 0; n < 9; n++) await film.frame(n, controller.signal);
    const tenth = film.frame(9, controller.signal);
    setTimeout(() => controller.abort(new Error("enough")), 50);
    await expect(tenth).rejects.toThrow("enough");
    expect((await film.frame(8, NEVER))?.data[0]).toBe(8);
    film.close();
    await expect(film.frame(0, NEVER)).rejects.toThrow(/was closed/);
    const pids = (await started()).filter((args) => args.includes("pam")).map(([pid]) => Number(pid));
    for (const pid of pids) await expect.poll(() => isRunning(pid)).toBe(false);
  });

  it("says what to install where there is no ffmpeg", async () => {
    const path = await standIn.video("film.mp4", SMALL);
    const { PATH } = process.env;
    process.env.PATH = "/nowhere";
    try {
      await expect(VideoFileFrames.open(path, { isRandom: false, signal: NEVER })).rejects.toThrow(
        /film\.mp4 is a video, .* no ffmpeg is found in PATH: install ffmpeg .* or give a folder of its frames/,
      );
      const film = new VideoFileWriter(join(standIn.folder, "out.mp4"), { width: 2, height: 2, rate: "25" });
      await expect(film.close()).rejects.toThrow(/no ffmpeg is found in PATH/);
    } finally {
      process.env.PATH = PATH;
    }
  });
});

/** Node is not told of processes that others ended; whether one is there is asked. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const hasFfmpeg = ["ffmpeg", "ffprobe"].every((name) => spawnSync(name, ["-version"]).status === 0);
if (!hasFfmpeg) console.log("videoFile.test.ts: there is no ffmpeg here, so the real one is not asked");

describe.skipIf(!hasFfmpeg)("by ffmpeg itself", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "webgpu-vision-film-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("reads as many frames as it wrote, of an odd size, forward and backward, turned upright", async () => {
    const path = join(folder, "film.mp4");
    const [width, height, count] = [33, 21, 12];
    const film = new VideoFileWriter(path, { width, height, rate: "10" });
    for (let n = 0; n < count; n++) {
      const data = new Uint8Array(width * height * 4).fill(20 * n);
      await film.write({ width, height, data });
    }
    await film.close();
    expect(existsSync(path)).toBe(true);
    const source = await VideoFileFrames.open(path, { isRandom: true, signal: NEVER, stretchBytes: 1 });
    expect([source.length, source.facts]).toEqual([count, { rate: "10/1", told: count, estimate: count }]);
    for (const n of [5, 6, 11, 3, 0, 11]) {
      const frame = await source.frame(n, NEVER);
      expect([frame?.width, frame?.height]).toEqual([34, 22]); // with a line of black: colours have half the size
      expect(Math.abs((frame?.data[0] ?? -99) - 20 * n), `frame ${n}`).toBeLessThan(8);
    }
    source.close();
    const turned = join(folder, "turned.mp4");
    const { status } = spawnSync("ffmpeg", [
      "-v",
      "error",
      "-display_rotation",
      "90",
      "-i",
      path,
      "-c",
      "copy",
      turned,
    ]);
    if (status !== 0) return console.log("this ffmpeg cannot write how a video is turned");
    const upright = await VideoFileFrames.open(turned, { isRandom: false, signal: NEVER });
    expect(await upright.frame(0, NEVER)).toMatchObject({ width: 22, height: 34 });
    upright.close();
  });
});
