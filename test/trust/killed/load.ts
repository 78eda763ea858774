// A program that loads a model from the Hub as Clip does, settings first, and prints how far it is, and what it got in
// the end. `crash.test.ts` kills it.
import { openCheckpoint } from "../../../src/io/safetensors/safetensors.ts";
import { openSource } from "../../../src/io/source/openSource.ts";

const [id = "", cache = ""] = process.argv.slice(2);
const source = await openSource(id, { cache, onProgress: ({ file, loaded }) => console.log(file, loaded) });
const config = (await source.json("config.json")) as { version: number };
const processor = (await source.json("preprocessor_config.json")) as { version: number } | undefined;
const checkpoint = await openCheckpoint(source);
const weights = await checkpoint.tensors.get("version")?.read();
await checkpoint.close();
console.log(JSON.stringify([config.version, processor?.version, weights?.[0]]));
