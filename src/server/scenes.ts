// Encoded pictures that clients come back to with prompts: each has a name that nobody can guess, and is freed some
// time after it was last used.
import { randomUUID } from "node:crypto";
import type { SamScene } from "../api/samScene.ts";
import { RequestError } from "./failures.ts";

/** A scene that is kept. */
export interface KeptScene {
  readonly id: string;
  /** Name of the model that made it. */
  readonly model: string;
  readonly scene: SamScene;
  /** When it will be freed unless it is used before. */
  expiresAt: Date;
}

interface Kept extends KeptScene {
  timer: NodeJS.Timeout;
}

export class Scenes {
  readonly #kept = new Map<string, Kept>();
  readonly #most: number;
  readonly #seconds: number;

  constructor({ scenes, sceneSeconds }: { readonly scenes: number; readonly sceneSeconds: number }) {
    this.#most = scenes;
    this.#seconds = sceneSeconds;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** Throws a RequestError where no more can be kept. */
  checkRoom(): void {
    if (this.#kept.size < this.#most) return;
    const soonest = Math.min(...[...this.#kept.values()].map(({ expiresAt }) => expiresAt.getTime()));
    const retryAfter = Math.max(1, Math.ceil((soonest - Date.now()) / 1000));
    throw new RequestError(429, `${this.#most} scenes are kept, which is the most: delete one, or wait`, {
      retryAfter,
    });
  }

  /** Keeps a scene, and frees it later. */
  add(scene: SamScene, model: string): KeptScene {
    try {
      this.checkRoom(); // others may have come while it was encoded
    } catch (error) {
      scene.dispose();
      throw error;
    }
    const id = randomUUID();
    const kept: Kept = { id, model, scene, ...this.#term(id) };
    this.#kept.set(id, kept);
    return kept;
  }

  /** A scene that is used now, which keeps it for longer. */
  use(id: string): KeptScene {
    const kept = this.#kept.get(id);
    if (!kept) throw gone(id);
    clearTimeout(kept.timer);
    return Object.assign(kept, this.#term(id));
  }

  delete(id: string): void {
    const kept = this.#kept.get(id);
    if (!kept) throw gone(id);
    clearTimeout(kept.timer);
    this.#kept.delete(id);
    kept.scene.dispose();
  }

  /** Frees all of them: the server ends, or their device is lost. */
  clear(): void {
    for (const id of [...this.#kept.keys()]) this.delete(id);
  }

  #term(id: string): Pick<Kept, "expiresAt" | "timer"> {
    const timer = setTimeout(() => this.delete(id), this.#seconds * 1000);
    timer.unref();
    return { expiresAt: new Date(Date.now() + this.#seconds * 1000), timer };
  }
}

function gone(id: string): RequestError {
  const why = "it was deleted, was not used for too long, or went with the device: encode its picture again";
  return new RequestError(404, `there is no scene ${JSON.stringify(id.slice(0, 64))}: ${why}`, { param: "id" });
}
