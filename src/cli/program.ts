// The commands, their options and their help. What runs a command is loaded when it is called.
import { Command, Option } from "commander";
import type { ModelDType } from "../session/session.ts";
import type { VerifyCommandOptions } from "./commands/verify.ts";
import type { GlobalOptions, RunCommand } from "./context.ts";
import { addDinoCommands } from "./dinoCommands.ts";
import { UsageError } from "./failure.ts";
import { packageVersion } from "./files/paths.ts";
import { examples, jsonShape } from "./help.ts";
import {
  batchOption,
  collect,
  collectTemplate,
  type LabelOptions,
  positiveInteger,
  readLabels,
  readLines,
  takesPictures,
} from "./options.ts";
import { printable } from "./printable.ts";
import { addSamCommands } from "./samCommands.ts";
import { addSearchCommands } from "./searchCommands.ts";
import { addServe } from "./serveCommand.ts";

// As the API names them, whose code is loaded by the command.
const DTYPES: readonly (ModelDType | "auto")[] = ["f32", "f16", "q8", "auto"];

/** The whole command line. */
export function makeProgram(run: RunCommand): Command {
  const program = new Command("webgpu-vision")
    .description("CLIP, DINO and SAM on WebGPU: classify, search, compare and segment pictures, on this machine's GPU")
    .version(packageVersion())
    .option("--model <source>", "folder, URL or Hub id of a checkpoint (default: the tiny one that ships)")
    .option("--revision <name>", "branch, tag or commit of a Hub id, or refs/pr/N (default: main)")
    .option("--subfolder <folder>", "folder of the repository or folder that holds the model")
    .option("--variant <name>", "which weights, where there are several: fp16 reads model.fp16.safetensors")
    .addOption(
      new Option(
        "--dtype <type>",
        "type of weights and activations; q8: int8 weights; auto: f16 where it agrees with f32",
      )
        .choices(DTYPES)
        .default("f32"),
    )
    .option("--tune", "measure the kernels' variants on this adapter while loading, and keep what is best")
    .option("--json", "print one document of JSON")
    .option("--quiet", "no progress and no notes on stderr")
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(--help after a command shows its options and examples)")
    // What the user typed comes back in these messages.
    .configureOutput({ writeErr: (text) => process.stderr.write(printable(text)) })
    .hook("preAction", (_, command) => {
      const { json, jsonl } = command.optsWithGlobals<GlobalOptions>();
      if (json && jsonl) throw new UsageError("give one of --json and --jsonl: a document, or lines");
    })
    .exitOverride();
  const add = (usage: string) => program.command(usage);
  addClassify(add("classify"), run);
  addEmbed(add("embed"), run);
  addSearchCommands(program, run);
  addDinoCommands(program, run);
  addSamCommands(program, run);
  addServe(add("serve"), run);
  addInfo(add("info"), run);
  addVerify(add("verify"), run);
  addBench(add("bench"), run);
  return program.addHelpText(
    "after",
    examples("classify cat.jpg --labels cat,dog", 'search ~/Pictures "a dog on a beach"'),
  );
}

function addClassify(command: Command, run: RunCommand): void {
  takesPictures(command)
    .description("score labels for pictures")
    .option("--labels <list>", "labels, separated by commas")
    .option("--labels-file <file>", "labels, one a line")
    .option(
      "--template <text>",
      'sentence with {} for the label; repeat it to average several (default: "a photo of a {}")',
      collectTemplate,
    )
    .option("--top <count>", "labels to show for each picture", positiveInteger, 5)
    .addHelpText(
      "after",
      jsonShape({ row: "{ image, labels: [{ label, score }] }" }) +
        examples(
          "classify cat.jpg dog.jpg --labels cat,dog,horse",
          'classify photos --labels-file labels.txt --template "a photo of a {}." --template "a drawing of a {}."',
          "classify cat.jpg --labels cat,dog --model openai/clip-vit-base-patch32 --dtype f16 --json",
        ),
    )
    .action(async (images: string[], options: LabelOptions & { template?: string[]; top: number }, self: Command) => {
      const labels = await readLabels(options);
      const { template: templates = ["a photo of a {}"], top } = options;
      await run(self, async (context) => {
        const { classify } = await import("./commands/classify.ts");
        return classify({ images, labels, templates, top }, context);
      });
    });
}

function addEmbed(command: Command, run: RunCommand): void {
  takesPictures(command, "[image...]")
    .description("embeddings of pictures and texts, of unit length")
    .option("--text <text>", "a text to embed; repeat it for several", collect)
    .option("--texts-file <file>", "texts, one a line")
    .option("--out <file>", "write .safetensors, .npy or .json (default: --jsonl on stdout)")
    .addOption(batchOption())
    .addHelpText(
      "after",
      jsonShape({ row: "{ image, embedding } or { text, embedding }" }, FILES) +
        examples(
          "embed photos --out photos.safetensors",
          'embed --text "a red saree" --text "a cat" --out texts.npy',
          "embed 'photos/**/*.jpg' --json",
          "embed - < cat.jpg",
        ),
    )
    .action(async (images: string[], options: EmbedOptions, self: Command) => {
      const lines = options.textsFile === undefined ? [] : await readLines(options.textsFile);
      const { checkEmbed, embed } = await import("./commands/embed.ts");
      const { out, batch } = options;
      const request = { images, texts: [...(options.text ?? []), ...lines], out, batch };
      checkEmbed(request);
      await run(self, (context) => embed(request, context));
    });
}

const FILES =
  "--out    .json holds the document; on stdout its rows then come without numbers, and with out and dimensions";

interface EmbedOptions {
  readonly text?: string[];
  readonly textsFile?: string;
  readonly out?: string;
  readonly batch?: number;
}

function addInfo(command: Command, run: RunCommand): void {
  command
    .description("the adapter with its features and limits, and what a model is and costs on it")
    .addHelpText(
      "after",
      "\nJSON:\n  --json  { adapter: { ..., features, limits }, model: { name, dtype, family, parts, ... } }\n",
    )
    .addHelpText("after", examples("info", "info --model openai/clip-vit-base-patch32 --dtype f16", "info --json"))
    .action(async (_options: object, self: Command) => {
      await run(self, async (context) => (await import("./commands/info.ts")).info(context));
    });
}

function addVerify(command: Command, run: RunCommand): void {
  command
    .description("run every kernel and the shipped checkpoints against stored results, on this adapter")
    .argument("[name...]", "kernels and checkpoints to run (default: all)")
    .option("--variants", "every variant of a kernel that this adapter can run, not only the one that it takes")
    .option("--compile", "compile the pipelines of the checkpoints, and compute nothing: a quick look at a driver")
    .addHelpText(
      "after",
      "\nJSON:\n  --json  { adapter, hasF16, passed, results: [{ name, dtype, cases, error, tolerance, failures }] }\n",
    )
    .addHelpText("after", examples("verify", "verify matmul attention tiny-clip", "verify --compile", "verify --json"))
    .action(async (names: string[], how: VerifyCommandOptions, self: Command) => {
      const { checkNames, verify } = await import("./commands/verify.ts");
      checkNames(names, how);
      await run(self, (context) => verify(names, how, context));
    });
}

function addBench(command: Command, run: RunCommand): void {
  command
    .description("how fast this adapter runs the kernels and the shipped checkpoints, each result checked first")
    .option("--only <text>", "kernels and checkpoints whose name contains this")
    .option("--rounds <count>", "runs of each", positiveInteger, 15)
    .addHelpText("after", "\nJSON:\n  --json  { adapter, versions, dtype, rounds, kernels, models }\n")
    .addHelpText("after", examples("bench", "bench --only matmul", "bench --rounds 50 --json > bench.json"))
    .action(async (request: { only?: string; rounds: number }, self: Command) => {
      const { bench, checkOnly } = await import("./commands/bench.ts");
      await checkOnly(request.only);
      await run(self, (context) => bench(request, context));
    });
}
