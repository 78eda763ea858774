// The command that serves models: its options and its help.
import { type Command, InvalidArgumentError } from "commander";
import { DEFAULT_LIMITS } from "../server/limits.ts";
import type { RunCommand } from "./context.ts";
import { examples } from "./help.ts";
import { collect, positiveInteger } from "./options.ts";

interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly tokenFile?: string;
  readonly maxBody: number;
  readonly maxPixels: number;
  readonly maxItems: number;
  readonly batch: number;
  readonly queue: number;
  readonly timeout: number;
  readonly maxScenes: number;
  readonly sceneSeconds: number;
  readonly grace: number;
  readonly memoryBudget?: number;
  readonly allowUrls: boolean;
  readonly index: readonly string[];
}

const MIB = 2 ** 20;

/** Adds `serve`. */
export function addServe(command: Command, run: RunCommand): void {
  const limits = DEFAULT_LIMITS;
  const bound = (flag: string, text: string, value: number) =>
    command.option(`--${flag} <count>`, text, positiveInteger, value);
  command
    .description("serve models over HTTP: embeddings, labels, features and masks, for several clients at once")
    .argument("[model...]", "folder, URL or Hub id of each, or NAME=SOURCE (default: the tiny ones that ship)")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <number>", "port to listen on; 0 is any that is free", portNumber, 8080)
    .option(
      "--token-file <file>",
      "file with the token that requests must bring (default: $WEBGPU_VISION_TOKEN, if set)",
    );
  bound("max-body", "most MiB of a request", limits.bodyBytes / MIB);
  bound("max-pixels", "most pixels of a picture", limits.pixels);
  bound("max-items", "most pictures or texts of a request", limits.items);
  bound("batch", "most pictures in one run of a model", limits.batch);
  bound("queue", "most requests taken on at once; others are told to come again (429)", limits.queue);
  bound("timeout", "most seconds that a request may take", limits.timeout);
  bound("max-scenes", "most encoded pictures kept for prompts", limits.scenes);
  bound("scene-seconds", "seconds that one is kept after its last use", limits.sceneSeconds);
  bound("grace", "seconds that requests have to end when the server is stopped", 30);
  command
    .option("--memory-budget <MiB>", "most MiB on the GPU; a model that needs more is an error", positiveInteger)
    .option(
      "--allow-urls",
      "read pictures that requests name by http: and https: addresses, of no private network",
      false,
    )
    .option(
      "--index <folder>",
      "an index that requests can search (see index), of a CLIP model that is served, or NAME=FOLDER; repeat it",
      collect,
      [],
    )
    .addHelpText("after", "\nJSON:\n  --json  { address, models: [{ name, modelClass, dtype }] }, when it listens\n")
    .addHelpText(
      "after",
      examples(
        "serve",
        "serve clip=openai/clip-vit-base-patch32 sam=facebook/sam-vit-base --dtype f16 --port 9000",
        "serve facebook/dinov2-small --host 0.0.0.0 --token-file token.txt",
      ),
    )
    .action(async (models: string[], options: ServeOptions, self: Command) => {
      const { maxBody, maxPixels, maxItems, maxScenes, batch, queue, timeout, sceneSeconds, memoryBudget, ...rest } =
        options;
      const { modelsToServe, serve } = await import("./commands/serve.ts");
      modelsToServe({ models }, self.optsWithGlobals().model);
      const request = {
        models,
        ...rest,
        ...(memoryBudget !== undefined && { memoryBudget: memoryBudget * MIB }),
        limits: {
          bodyBytes: maxBody * MIB,
          pixels: maxPixels,
          items: maxItems,
          scenes: maxScenes,
          batch,
          queue,
          timeout,
          sceneSeconds,
        },
      };
      await run(self, (context) => serve(request, context));
    });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (text.trim() !== "" && Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new InvalidArgumentError("Expected a whole number from 0 to 65535.");
}
