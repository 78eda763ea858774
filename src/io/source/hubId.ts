// What an id of a model on the Hugging Face Hub is. What reads from the Hub is loaded on demand.

/** Where browsers look; Node and Deno also know HF_ENDPOINT. */
export const HUB_URL = "https://huggingface.co";

/** A model repository at a revision. */
export interface HubRepo {
  /** "owner/name" */
  readonly id: string;
  readonly revision: string;
  /** HUB_URL, or what HF_ENDPOINT says. */
  readonly endpoint: string;
  readonly token?: string;
}

const HUB_ID = /^([A-Za-z0-9_][\w.-]*\/[A-Za-z0-9_][\w.-]*)(?:@(\w[\w./-]*))?$/;

/** Reads "owner/name" or "owner/name@revision"; undefined when the text is neither. */
export function hubName(text: string, revision = "main"): Pick<HubRepo, "id" | "revision"> | undefined {
  const [, id, at] = HUB_ID.exec(text) ?? [];
  const gitRevision = at ?? revision;
  if (!id || `${id}/${gitRevision}`.includes("..")) return undefined;
  return { id, revision: gitRevision };
}
