// What the command line of `track` shows: which prompt is of which object and frame, and what is refused.
import { expect, it } from "vitest";
import { barText } from "../../src/cli/terminal.ts";
import {
  objectNames,
  objectPrompts,
  pointNotes,
  readBox,
  readObject,
  readPoint,
  type TrackArgument,
} from "../../src/cli/trackPrompts.ts";

/** As in "object dog point 1,2 box 1,2,3,4". */
function given(line: string): TrackArgument[] {
  const words = line.split(" ").filter((word) => word !== "");
  const readers = { object: readObject, point: readPoint, box: readBox };
  return words.flatMap((word, i) => (i % 2 ? [readers[words[i - 1] as keyof typeof readers](word)] : []));
}

it("gives points and a box of one object and frame as one prompt, by frame", () => {
  const line = given("object dog point 1,2,7 point 3,4,7,0 box 0,0,9,9,7 point 5,6 object ball box 1,1,2,2");
  expect(objectNames(line)).toEqual(["dog", "ball"]);
  expect(objectPrompts(line, 3)).toEqual([
    { object: "dog", frame: 3, points: [{ x: 5, y: 6, label: 1 }] },
    { object: "ball", frame: 3, points: [], box: [1, 1, 2, 2] },
    {
      object: "dog",
      frame: 7,
      points: [
        { x: 1, y: 2, label: 1 },
        { x: 3, y: 4, label: 0 },
      ],
      box: [0, 0, 9, 9],
    },
  ]);
});

it("takes what has no name for one object, and several boxes for several", () => {
  expect(objectPrompts(given("point 1,2 point 3,4,5 box 0,0,9,9"), 0)).toEqual([
    { object: "1", frame: 0, points: [{ x: 1, y: 2, label: 1 }], box: [0, 0, 9, 9] },
    { object: "1", frame: 5, points: [{ x: 3, y: 4, label: 1 }] },
  ]);
  const boxes = given("box 0,0,9,9 box 1,1,2,2,4");
  expect(objectNames(boxes)).toEqual(["1", "2"]);
  expect(objectPrompts(boxes, 0).map(({ object, frame }) => [object, frame])).toEqual([
    ["1", 0],
    ["2", 4],
  ]);
});

it.each([
  ["box 0,0,9,9 box 1,1,2,2 point 1,2", /--object NAME says to which of them a --point belongs/],
  ["point 1,2 object dog point 1,2", /belong to the --object before them/],
  ["object dog object cat point 1,2", /--object dog is not shown/],
  ["object dog box 0,0,9,9 box 1,1,2,2", /two boxes in frame 0: several boxes are several --object/],
  ["object dog point 1,2 object Dog point 1,2", /dog and Dog are one folder on some systems/],
])("refuses %j", (line, message) => {
  expect(() => objectPrompts(given(line), 0)).toThrow(message);
});

it("refuses more objects than a palette has numbers", () => {
  const line = Array.from({ length: 256 }, (_, i) => `object o${i} point 1,2`).join(" ");
  expect(() => objectPrompts(given(line), 0)).toThrow(/256 objects, expected at most 255/);
  const boxes = Array.from({ length: 256 }, () => "box 0,0,9,9").join(" ");
  expect(() => objectPrompts(given(boxes), 0)).toThrow(/256 objects, expected at most 255/);
});

it.each([
  "",
  " ",
  ".",
  "..",
  ".hidden",
  "end.",
  "end ",
  "a/b",
  "a\\b",
  "c:",
  "what?",
  "overlay",
  "Overlay",
  "PALETTE",
  "masks.json",
  "overlay.mp4",
  "nul",
  "COM1.txt",
  "a\nb",
  "a\x1b[31m",
  "a\u202eb",
  "x".repeat(101),
])("refuses the object's name %j", (name) => {
  expect(() => readObject(name)).toThrow(/An object's name is that of its folder, and this one/);
});

it.each(["dog", "Hündchen 2", "犬", "🐕", "a.b", "-x", "console"])("takes the object's name %j", (name) => {
  expect(readObject(name)).toEqual({ object: name });
});

it.each(["1", "1,2,3,4", "1,2,-1", "1,2,0.5", "1,2,3,0,0", "1,,3", "a,b"])("refuses the point %s", (text) => {
  expect(() => readPoint(text)).toThrow(/Expected x,y/);
});

it.each(["1,2,3", "1,2,3,4,-1", "1,2,3,4,5,6", "3,2,1,4"])("refuses the box %s", (text) => {
  expect(() => readBox(text)).toThrow(/Expected/);
});

it("tells how many frames are done in a second, and the time that is left", () => {
  const text = (value: number, total: number, eta: number | string, seconds: number) =>
    barText({ progress: total > 0 ? value / total : 0, value, total, eta, seconds }, "frames");
  expect(text(30, 120, 45, 15)).toBe("██████░░░░░░░░░░░░░░░░░░ 30 of 120, 2.0 frames/s, 45 s left");
  expect(text(30, 9000, 4485, 15)).toContain(", 1 h 14 min left");
  expect(text(30, 250, 110, 15)).toContain(", 1 min 50 s left");
  expect(text(30, 0, "INF", 15)).toBe("30, 2.0 frames/s"); // nobody knows how many there are
  expect(text(0, 9, "0", 0)).not.toMatch(/frames|left/);
  expect(barText({ progress: 0.5, value: 1e6, total: 2e6, eta: 3, seconds: 1 }, "bytes")).toMatch(
    /1.0 MB of 2.0 MB, 3 s/,
  );
});

it("tells of a point that `segment` would have outside", () => {
  expect(pointNotes(given("point 1,2,0"))).toEqual([
    "--point 1,2,0 is inside the object, in frame 0; outside it is 1,2,0,0",
  ]);
  expect(pointNotes(given("point 1,2 point 1,2,3 point 1,2,0,0 point 1,2,0,1 box 0,0,1,1,0"))).toEqual([]);
});
