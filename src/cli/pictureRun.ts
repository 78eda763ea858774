// The pictures of a command from the command line to its exit code: one that cannot be read is told of at once, the
// others go on, and the command ends with 1; --strict ends it there.
import { ImageError, NotFoundError } from "../device/errors.ts";
import type { Context } from "./context.ts";
import { EXIT, UsageError } from "./failure.ts";
import { namedPictures, type PictureInput } from "./files/pictureArguments.ts";
import { type LoadedPicture, loadPicture, type PictureFailure } from "./files/pictures.ts";

type LoadedImage = Exclude<LoadedPicture, PictureFailure>;

/**
 * The picture of a command that takes one.
 *
 * @throws NotFoundError, ImageError or NetworkError for one that cannot be read; UsageError for several.
 */
export async function loadOne(arg: string, what: string, signal: AbortSignal): Promise<LoadedImage> {
  const { inputs, failures } = await namedPictures([arg], signal);
  if (failures[0]) throw new NotFoundError(failures[0].message);
  const [input, ...others] = inputs;
  if (!input || others.length > 0) throw new UsageError(`${what} takes one picture, but ${arg} are ${inputs.length}`);
  const loaded = await loadPicture(input, signal);
  signal.throwIfAborted();
  if ("message" in loaded) throw new ImageError(loaded.message);
  return loaded;
}

export class PictureRun {
  readonly inputs: readonly PictureInput[];
  readonly #context: Context;
  readonly #failures: PictureFailure[] = [];
  #done = 0;

  private constructor(inputs: readonly PictureInput[], context: Context) {
    this.inputs = inputs;
    this.#context = context;
  }

  /**
   * Finds the pictures that the command line names, before a model is loaded.
   *
   * @throws NotFoundError where none of them is there, or one is not and --strict is given.
   */
  static async find(args: readonly string[], context: Context): Promise<PictureRun> {
    const { inputs, failures, notes } = await namedPictures(args, context.signal);
    for (const note of notes) context.terminal.error(note);
    const [first, ...others] = failures;
    const isAlone = inputs.length === 0 && others.length === 0;
    if (first && (isAlone || context.options.strict)) throw new NotFoundError(first.message);
    const run = new PictureRun(inputs, context);
    for (const failure of failures) run.fail(failure);
    if (inputs.length === 0 && failures.length > 0) throw new NotFoundError("none of the pictures is there");
    return run;
  }

  /** Pictures that could not be read, for JSON. */
  get errors(): readonly PictureFailure[] {
    return this.#failures;
  }

  /** One that was done. */
  succeed(): void {
    this.#done++;
  }

  /** Tells of one that could not be read; @throws ImageError with --strict. */
  fail(failure: PictureFailure): void {
    if (this.#context.options.strict) throw new ImageError(failure.message);
    this.#failures.push(failure);
    this.#context.terminal.warn(failure.message);
  }

  /** @throws ImageError where there were pictures and none could be read, so that nothing is to be written. */
  checkAny(): void {
    if (this.#done > 0 || this.#failures.length === 0) return;
    throw new ImageError("no picture could be read, so nothing was written");
  }

  get exitCode(): number {
    return this.#failures.length > 0 ? EXIT.FAILURE : EXIT.OK;
  }
}
