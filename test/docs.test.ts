// The documentation without a GPU: the types of every program in README, CONTRIBUTING, guides and docstrings, code that
// is quoted from files, commands and links. `npm run test:docs` also runs them all (test/docs).
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import * as errors from "../src/device/errors.ts";
import { blocksOf, commandsOf, PAGES, programsOf, ROOT, read } from "./docs/blocks.ts";
import { commandReference } from "./docs/commandReference.ts";
import { judge } from "./docs/commands.ts";
import { compile, complaints, ENTRIES, type Example, publicExamples, publicNames } from "./docs/typeCheck.ts";

/** What docstrings take for granted; a new example may need more. */
const GIVEN = `
declare const clip: Clip, dino: Dino, sam: Sam, scene: SamScene, device: Device, graph: Graph, store: WeightStore;
declare const photos: string[], paths: string[], frames: string[], labels: string[], mask: Mask, features: DinoFeatures;
declare const image: NdArray, text: NdArray, probe: LinearProbe, knn: KnnClassifier, rows: Float32Array[];
declare const save: (...what: unknown[]) => void;
declare let path: string;
declare const video: HTMLVideoElement;
`;

const programs = PAGES.flatMap(programsOf);
const fileOf = ({ name }: { name: string }) => `${name.replaceAll(/\W/g, "-")}.ts`;

describe("code blocks", () => {
  it("are of a kind that is known, so that none is passed over", () => {
    const kinds = /^(ts( (continued|browser|[\w./-]+\/[\w.-]+))?|wgsl [\w./-]+\/[\w.-]+|sh|js|python|text)$/;
    const all = PAGES.flatMap(blocksOf);
    const unknown = all.filter(({ language, note }) => !kinds.test(`${language} ${note}`.trim()));
    expect(unknown.map(({ file, line, language, note }) => `${file}:${line}: ${language} ${note}`)).toEqual([]);
    expect(all.length).toBeGreaterThan(5);
    const fences = PAGES.reduce((sum, page) => sum + (read(page).match(/^\s*```/gm) ?? []).length, 0);
    expect(fences).toBe(2 * all.length);
  });

  it("of the guides run on every Node that the package names, which `using` does not", () => {
    const guides = programs.filter(({ name }) => name.startsWith("docs/"));
    expect(guides.filter(({ code }) => /^\s*(await )?using\s/m.test(code)).map(({ name }) => name)).toEqual([]);
  });

  const quoted = PAGES.flatMap(blocksOf).filter(({ note }) => note.includes("/"));
  it.each(quoted.map((block) => [`${block.file}:${block.line}`, block.note, block.code] as const))(
    "%s is what %s says",
    (_, path, code) => {
      expect(read(path)).toContain(code);
    },
  );

  it.each(PAGES.flatMap(commandsOf).map(({ name, command }) => [name, command] as const))("%s: %s", (_, command) => {
    expect(judge(command).fault).toBeUndefined();
  });
});

describe("types", () => {
  let examples: Example[];
  let checked: ReturnType<typeof compile>;

  beforeAll(() => {
    const first = compile(new Map());
    examples = publicExamples(first);
    const seen = new Set<string>();
    const imports = Object.entries(ENTRIES).map(([entry, path]) => {
      const names = publicNames(first, path).filter((name) => !seen.has(name));
      for (const name of names) seen.add(name);
      return `import { ${names.join(", ")} } from "${entry}";`;
    });
    const prelude = `${imports.join("\n")}${GIVEN}`;
    const inFunction = (code: string) => {
      const imports = [...code.matchAll(/^import .*$/gm)].map(([line]) => line);
      return `${imports.join("\n")}\n${prelude}async () => {\n${code.replace(/^import .*$/gm, "")}\n};`;
    };
    checked = compile(
      new Map([
        ["workers.d.ts", 'declare module "*?worker" { export default class extends Worker { constructor(); } }'],
        ["wrong.ts", '\nimport { Clip } from "webgpu-vision";\nClip.fromPretrained("a/b", { dtype: "f8" });'],
        ...programs.map((program) => [fileOf(program), program.code] as const),
        ...examples.map(({ code }, i) => [`example-${i}.ts`, inFunction(code)] as const),
      ]),
    );
  });

  it.each(programs.map((program) => [program.name, program] as const))("%s", (_, program) => {
    expect(complaints(checked, fileOf(program))).toEqual([]);
  });

  it("a wrong one is found, on its line", () => {
    expect(complaints(checked, "wrong.ts")).toEqual([expect.stringMatching(/^3: Type '"f8"' is not assignable/)]);
  });

  it("docstrings' examples", () => {
    expect(examples.length).toBeGreaterThan(20);
    const wrong = examples.flatMap(({ name, code }, i) => {
      const faults = complaints(checked, `example-${i}.ts`);
      return faults.length > 0 ? [{ name, code, faults }] : [];
    });
    expect(wrong).toEqual([]);
  });
});

describe("guides", () => {
  it.each(PAGES)("%s links to what is there", (page) => {
    const links = [...read(page).matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, target]) => target as string);
    const local = links.filter((target) => !/^https?:/.test(target));
    expect(local.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([]);
  });

  it("are all part of the site", () => {
    const { projectDocuments, readme } = JSON.parse(read("typedoc.json"));
    const guides = PAGES.filter((page) => page.startsWith("docs/"));
    expect([readme, ...projectDocuments]).toEqual(expect.arrayContaining(guides));
  });

  it("the reference of the command line says what the commands say", async () => {
    await expect(commandReference()).toMatchFileSnapshot("../docs/commands.md"); // npm test -- test/docs.test.ts -u
  });

  it("troubleshooting names every class of error", () => {
    const text = read("docs/troubleshooting.md");
    expect(Object.keys(errors).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
