// How `worker --stdio` talks: frames of a length (4 bytes, the lowest first), a kind (1 byte) and so many bytes less
// one. docs/scale.md has the protocol.
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { InvalidFileError } from "../../device/errors.ts";

/** What a frame holds: a JSON object, or a stream of Arrow IPC. */
const KINDS = { J: "json", A: "arrow" } as const;

export type Frame =
  | { readonly kind: "json"; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: "arrow"; readonly bytes: Uint8Array };

const MOST_BYTES = 256 << 20;

/** The frames of a stream, until it ends. */
export async function* readFrames(stream: Readable): AsyncGenerator<Frame, void, undefined> {
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= 4) {
      const length = held.readUInt32LE(0);
      if (length < 1 || length > MOST_BYTES) {
        throw new InvalidFileError(
          `stdin has a frame of ${length} bytes, expected 1 to ${MOST_BYTES}: see docs/scale.md`,
        );
      }
      if (held.length < 4 + length) break;
      yield frameOf(held.subarray(4, 4 + length));
      held = held.subarray(4 + length);
    }
  }
  if (held.length > 0) throw new InvalidFileError(`stdin ended within a frame, after ${held.length} bytes of it`);
}

function frameOf(bytes: Buffer): Frame {
  const kind = KINDS[String.fromCharCode(bytes[0] as number) as keyof typeof KINDS];
  const rest = bytes.subarray(1);
  if (kind === "arrow") return { kind, bytes: rest };
  if (kind !== "json") throw new InvalidFileError(`stdin has a frame of kind ${bytes[0]}, expected J or A`);
  try {
    return { kind, value: JSON.parse(rest.toString()) };
  } catch (cause) {
    throw new InvalidFileError("stdin has a frame of kind J that is no JSON", { cause });
  }
}

/** Writes a frame, and waits where the other side reads more slowly. */
export async function writeFrame(stream: Writable, frame: object | Uint8Array): Promise<void> {
  const isArrow = frame instanceof Uint8Array;
  const body = isArrow ? frame : Buffer.from(JSON.stringify(frame));
  const head = Buffer.alloc(5);
  head.writeUInt32LE(1 + body.length, 0);
  head.write(isArrow ? "A" : "J", 4);
  stream.write(head);
  if (!stream.write(body)) await once(stream, "drain");
}
