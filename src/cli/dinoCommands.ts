// The commands that run DINO: their options and their help.
import { type Command, Option } from "commander";
import type { RunCommand } from "./context.ts";
import { UsageError } from "./failure.ts";
import { examples, jsonShape } from "./help.ts";
import {
  batchOption,
  layerNumber,
  layerNumbers,
  pictureSize,
  positiveInteger,
  share,
  takesPictures,
} from "./options.ts";

type Size = number | readonly [height: number, width: number];

/** Adds `features`, `attention`, `pca`, `match` and `probe`. */
export function addDinoCommands(program: Command, run: RunCommand): void {
  addFeatures(program.command("features"), run);
  addAttention(program.command("attention"), run);
  addPca(program.command("pca"), run);
  addMatch(program.command("match"), run);
  addProbe(program.command("probe"), run);
}

function sizeOption(whenAbsent: string): Option {
  const text = `pixels of the shortest edge, or HEIGHTxWIDTH (default: ${whenAbsent})`;
  return new Option("--size <pixels>", text).argParser(pictureSize);
}

const FINE = "28 patches along the shortest edge";

function addFeatures(command: Command, run: RunCommand): void {
  takesPictures(command)
    .description("DINO's features of pictures: of the whole picture, of each patch, of any layer")
    .addOption(sizeOption("what the model's own preprocessing makes"))
    .option("--patches", "also the features of each patch")
    .option("--layers <list>", "also those of these layers, from 0, or from -1 backwards", layerNumbers)
    .option("--out <file>", "write .safetensors, .npy or .json (default: --jsonl on stdout)")
    .addOption(batchOption())
    .addHelpText(
      "after",
      jsonShape(
        {
          row: "{ image, cls, patches, grid: [rows, columns], layers: [{ layer, cls, patches }] }",
        },
        "--out    .json holds the document; on stdout its rows then come without numbers, and with out and dimensions",
      ) +
        examples(
          "features photos/*.jpg --out features.safetensors",
          "features cat.jpg --size 480 --patches --layers -1,-4 --model facebook/dino-vits16 --out cat.safetensors",
          "features photos --jsonl | head -1",
        ),
    )
    .action(
      async (
        images: string[],
        options: { size?: Size; patches?: boolean; layers?: number[]; out?: string; batch?: number },
        self: Command,
      ) => {
        const { checkFeatures, features } = await import("./commands/features.ts");
        const { patches = false, layers = [], ...rest } = options;
        const request = { images, patches, layers, ...rest };
        checkFeatures(request);
        await run(self, (context) => features(request, context));
      },
    );
}

function addAttention(command: Command, run: RunCommand): void {
  takesPictures(command)
    .description("where DINO looks: a heat map for each head, and of all with the outline of what is seen most")
    .requiredOption("--out <place>", "a .png for a page of all, or a folder for a .png of each map")
    .option("--mass <share>", "share of the attention inside the outline", share, 0.6)
    .option("--layer <number>", "from 0, or from -1 backwards", layerNumber, -1)
    .addOption(sizeOption(FINE))
    .addHelpText(
      "after",
      jsonShape({ head: ["layer", "mass"], row: "{ image, grid: [rows, columns], heads, mean, mask, files }" }) +
        examples(
          "attention cat.jpg dog.jpg --out attention.png",
          "attention cat.jpg --out maps/ --mass 0.5 --size 480 --model facebook/dino-vits8",
        ),
    )
    .action(
      async (images: string[], options: { out: string; mass: number; layer: number; size?: Size }, self: Command) => {
        (await import("./files/outputs.ts")).checkPicturesOut(options.out);
        await run(self, async (context) => {
          return (await import("./commands/attention.ts")).attention({ images, ...options }, context);
        });
      },
    );
}

function addPca(command: Command, run: RunCommand): void {
  takesPictures(command)
    .description("patches as colours beside the photo: what is alike has one colour in all pictures")
    .requiredOption("--out <place>", "a .png for a page of all, or a folder for a .png of each")
    .addOption(
      new Option("--foreground <side>", "colour only patches on this side of the first component")
        .choices(["none", "high", "low"])
        .default("none"),
    )
    .addOption(sizeOption(FINE))
    .addHelpText(
      "after",
      jsonShape({ head: ["foreground"], row: "{ image, grid: [rows, columns], rgb }", tail: ["files"] }) +
        examples("pca a.jpg b.jpg c.jpg --out pca.png", "pca birds/*.jpg --out colours/ --foreground high --size 448"),
    )
    .action(
      async (
        images: string[],
        options: { out: string; foreground: "none" | "high" | "low"; size?: Size },
        self: Command,
      ) => {
        (await import("./files/outputs.ts")).checkPicturesOut(options.out);
        await run(self, async (context) => {
          return (await import("./commands/pca.ts")).pcaPictures({ images, ...options }, context);
        });
      },
    );
}

function addMatch(command: Command, run: RunCommand): void {
  command
    .description("patches of two pictures that show the same thing, best first")
    .argument("<a>", "path or URL of a picture; - is the standard input")
    .argument("<b>", "path or URL of another one")
    .option("--out <file>", "a .png of both with lines between (default: pixel coordinates on stdout)")
    .option("--top <count>", "matches to give", positiveInteger, 40)
    .option("--mass <share>", "only patches of A that hold this share of its attention", share)
    .addOption(sizeOption(FINE))
    .addHelpText(
      "after",
      "\nJSON:\n  --json  { model, dtype, a, b, out, matches: [{ a: [x, y], b: [x, y], similarity }] }, in pixels\n" +
        examples("match cat.jpg lion.jpg --out match.png", "match cat.jpg lion.jpg --top 10 --json"),
    )
    .action(
      async (
        a: string,
        b: string,
        options: { out?: string; top: number; mass?: number; size?: Size },
        self: Command,
      ) => {
        if (options.out !== undefined) (await import("./files/outputs.ts")).checkFileOut(options.out, [".png"]);
        await run(self, async (context) => {
          return (await import("./commands/match.ts")).match({ images: [a, b], ...options }, context);
        });
      },
    );
}

function addProbe(command: Command, run: RunCommand): void {
  command.description("a linear classifier on DINO's features: train it on folders of pictures, and predict");
  addProbeTrain(command.command("train"), run);
  addProbePredict(command.command("predict"), run);
}

function addProbeTrain(command: Command, run: RunCommand): void {
  command
    .description("train a probe on a folder that has a folder of pictures for each class")
    .argument("<folder>", "folder of folders; their names are the classes")
    .requiredOption("--out <file>", "the .safetensors to write")
    .addOption(
      new Option("--features <kind>", "class token, mean of the patches, or both")
        .choices(["cls", "patches", "cls+patches"])
        .default("cls"),
    )
    .option("--test <folder>", "measure the accuracy on these pictures, in folders of the same names")
    .option("--holdout <share>", "measure it on this share of each class, which training leaves out", share)
    .option("--seed <number>", "of the choice that --holdout makes", positiveInteger, 1)
    .option("--knn", "also measure a k-NN classifier (k = 20)")
    .option("--strict", "end at the first picture that cannot be read (default: a warning, and exit code 1 at the end)")
    .addOption(sizeOption("what the model's own preprocessing makes"))
    .addHelpText(
      "after",
      "\nJSON:\n  --json  { out, model, dtype, features, dimensions, classes, tested, accuracy,\n" +
        "            errors: [{ path, message }] }\n" +
        examples(
          "probe train flowers/ --out flowers.safetensors --holdout 0.2",
          "probe train train/ --test val/ --features cls+patches --model facebook/dino-vits16 --out probe.safetensors",
        ),
    )
    .action(async (folder: string, options: TrainOptions, self: Command) => {
      if (options.test !== undefined && options.holdout !== undefined) {
        throw new UsageError("give one of --test and --holdout: both say what to measure on");
      }
      if (options.holdout === 1) throw new UsageError("--holdout 1 leaves nothing to train on");
      if (options.knn && options.test === undefined && options.holdout === undefined) {
        throw new UsageError("--knn needs pictures to measure on: give --test or --holdout");
      }
      (await import("./files/outputs.ts")).checkFileOut(options.out, [".safetensors"]);
      await run(self, async (context) => {
        return (await import("./commands/probeTrain.ts")).probeTrain({ folder, ...options }, context);
      });
    });
}

interface TrainOptions {
  readonly out: string;
  readonly features: "cls" | "patches" | "cls+patches";
  readonly test?: string;
  readonly holdout?: number;
  readonly seed: number;
  readonly knn?: boolean;
  readonly size?: Size;
}

function addProbePredict(command: Command, run: RunCommand): void {
  takesPictures(command.argument("<probe>", "the .safetensors that `probe train` wrote"))
    .description("name pictures by a trained probe, with the model and size that it was trained with")
    .option("--top <count>", "classes to show for each picture", positiveInteger, 5)
    .addHelpText(
      "after",
      jsonShape({ head: ["probe"], row: "{ image, labels: [{ label, score }] }" }) +
        examples("probe predict flowers.safetensors rose.jpg", "probe predict flowers.safetensors *.jpg --json"),
    )
    .action(async (probe: string, images: string[], { top }: { top: number }, self: Command) => {
      await run(self, async (context) => {
        return (await import("./commands/probePredict.ts")).probePredict({ probe, images, top }, context);
      });
    });
}
