// The commands that find pictures: their options and their help.
import { type Command, InvalidArgumentError } from "commander";
import type { RunCommand } from "./context.ts";
import { UsageError } from "./failure.ts";
import { examples } from "./help.ts";
import { batchOption, collect, positiveInteger } from "./options.ts";

const STRICT = "end at the first picture that cannot be read (default: a warning, and exit code 1 at the end)";

/** Adds `search`, `index` and `worker`. */
export function addSearchCommands(program: Command, run: RunCommand): void {
  addSearch(program.command("search"), run);
  addIndex(program.command("index"), run);
  addWorker(program.command("worker"), run);
}

interface SearchOptions {
  readonly image?: string[];
  readonly minus?: string[];
  readonly imageWeight: number;
  readonly where?: string;
  readonly top: number;
  readonly page: number;
  readonly exact?: boolean;
  readonly nearDuplicates?: true | number;
  readonly html?: string;
  readonly batch?: number;
}

function addSearch(command: Command, run: RunCommand): void {
  command
    .description("rank the pictures of a folder, with the folders in it, or of an index")
    .argument("<folder>", "folder of pictures, or an index that `index` made")
    .argument("[text]", "what to look for")
    .option("--image <file>", "a picture like what is looked for, with the text or in its place; repeat it", collect)
    .option("--minus <text>", "what it must not be like; repeat it for several", collect)
    .option("--image-weight <share>", "how much pictures count beside a text, from 0 to 1", share, 0.5)
    .option("--where <condition>", "of an index: a condition in SQL on its columns, as 'width > 1000'")
    .option("--top <count>", "pictures to show", positiveInteger, 10)
    .option("--page <number>", "of an index: the pictures after those of earlier pages", positiveInteger, 1)
    .option("--exact", "of an index: look at every row, though `index --ann` has made an index of neighbours")
    .option("--near-duplicates [cosine]", "of an index: groups of almost equal pictures (default: 0.95)", share)
    .option("--html <file>", "write the results as a page with small pictures")
    .option("--strict", STRICT)
    .addOption(batchOption())
    .addHelpText(
      "after",
      "\nColumns for --where: path, hash, bytes, modified (ms since 1970), width, height, taken (by EXIF),\n" +
        "  latitude, longitude.\n\nJSON:\n" +
        "  --json  of a folder: { model, query, pictures, embedded, cached, leftOut,\n" +
        "            results: [{ image, score }], errors: [{ path, message }] }\n" +
        "          of an index: { model, query, pictures, page, results: [{ image, score, width, height, taken }] }\n" +
        "          of near duplicates: { model, pictures, threshold, groups: [[{ image, score, ... }]] }\n" +
        examples(
          'search ~/Pictures "a dog on a beach"',
          'search ~/Pictures "a red saree with gold border" --top 3 --model openai/clip-vit-base-patch32 --json',
          "search photos.index --near-duplicates 0.97 --html twice.html",
          'search photos.index "a cat" --image cat.jpg --minus "a drawing" --where "width > 200" --html found.html',
        ),
    )
    .action(async (folder: string, text: string | undefined, options: SearchOptions, self: Command) => {
      const { image: images = [], minus = [], exact = false, nearDuplicates, ...rest } = options;
      if (nearDuplicates !== undefined) {
        const isQuery = text !== undefined || images.length + minus.length > 0;
        if (isQuery)
          throw new UsageError("--near-duplicates compares the pictures of an index: give it no text or picture");
        const threshold = nearDuplicates === true ? 0.95 : nearDuplicates;
        const { findDuplicates } = await import("./commands/findDuplicates.ts");
        const { where, html } = rest;
        await run(self, (context) => findDuplicates({ folder, threshold, where, html }, context));
        return;
      }
      if (text?.trim() === "") throw new UsageError('the text is empty: say what to look for, as in "a dog"');
      if (text === undefined && images.length === 0) {
        throw new UsageError('nothing says what to look for: give a text, as in "a dog", or --image FILE');
      }
      const request = { folder, ...(text !== undefined && { text }), images, minus, exact, ...rest };
      const { search } = await import("./commands/search.ts");
      await run(self, (context) => search(request, context));
    });
}

interface IndexOptions {
  readonly out: string;
  readonly batch?: number;
  readonly ann?: boolean;
  readonly check?: boolean;
}

function addIndex(command: Command, run: RunCommand): void {
  command
    .description("keep embeddings of pictures in an index on the disk, and bring it up to date")
    .argument("<source...>", "folders of pictures (with the folders in them), pictures, .txt files with a path a line")
    .requiredOption("--out <index>", "folder of the index; one that is there is brought up to date")
    .option("--ann", "make an index of neighbours, for searches among very many that look at a part of them")
    .option("--check", "compare searches by it with exact ones")
    .option("--strict", STRICT)
    .addOption(batchOption())
    .addHelpText(
      "after",
      "\nJSON:\n  --json  { model, index, pictures, embedded, known, unchanged, removed, perSecond, decodeShare,\n" +
        "          gpuShare, leftOut, errors, recall }\n" +
        examples(
          "index ~/Pictures --out photos.index",
          "index ~/Pictures shop.txt --out photos.index --model openai/clip-vit-base-patch32 --dtype f16",
          "index ~/Pictures --out photos.index --ann --check",
        ),
    )
    .action(async (sources: string[], options: IndexOptions, self: Command) => {
      const { ann = false, check = false, ...rest } = options;
      const { indexPictures } = await import("./commands/indexPictures.ts");
      await run(self, (context) => indexPictures({ sources, ann, check, ...rest }, context));
    });
}

function addWorker(command: Command, run: RunCommand): void {
  command
    .description("embed blocks of pictures that another program sends, for indexes made on several machines")
    .requiredOption("--stdio", "talk by frames of JSON and Arrow on stdin and stdout: docs/scale.md has the protocol")
    .addOption(batchOption())
    .addHelpText("after", examples("worker --stdio --model openai/clip-vit-base-patch32 --dtype f16"))
    .action(async ({ batch }: { readonly batch?: number }, self: Command) => {
      const { worker } = await import("./commands/worker.ts");
      await run(self, (context) => worker(batch === undefined ? {} : { batch }, context));
    });
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("Expected a number from 0 to 1.");
}
