// What is said of tensors that a model does not read; a page loads it with the first checkpoint that has some.
import { CheckpointError } from "../device/errors.ts";

// Names in one message: more tell nothing.
const MOST_NAMES = 4;

export function unreadError(checkpoint: string, unread: readonly string[]): CheckpointError {
  const names = unread.slice(0, MOST_NAMES).map((name) => `"${name}"`);
  return new CheckpointError(
    `${checkpoint} has tensors that this model does not read: ${names.join(", ")}` +
      `${unread.length > MOST_NAMES ? ` and ${unread.length - MOST_NAMES} more` : ""}. Its features would be wrong ` +
      "without them: it is of another architecture, or its config.json is of another model",
  );
}
