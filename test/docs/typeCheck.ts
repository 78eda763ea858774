// Checks the types of programs that import the package by its name, as a user's compiler does.
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "./blocks.ts";

/** The public modules by the name that a user imports. */
export const ENTRIES: Readonly<Record<string, string>> = {
  "webgpu-vision": "src/index.ts",
  "webgpu-vision/video": "src/video.ts",
  "webgpu-vision/search": "src/search.ts",
  "webgpu-vision/worker": "src/worker/index.ts",
};

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ["es2023", "esnext.disposable", "dom", "dom.iterable", "dom.asynciterable"].map((name) => `lib.${name}.d.ts`),
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  types: ["@webgpu/types", "node"],
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  paths: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, [join(ROOT, path)]])),
};

/** A compiler's program of these sources (by made-up file names in the root), the public modules and what they need. */
export function compile(sources: ReadonlyMap<string, string>): ts.Program {
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile, getSourceFile } = host;
  const given = new Map([...sources].map(([name, code]) => [join(ROOT, name), code]));
  host.fileExists = (path) => given.has(path) || fileExists(path);
  host.readFile = (path) => given.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const code = given.get(path);
    return code === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, code, ts.ScriptTarget.ES2023);
  };
  const roots = [...given.keys(), ...["src/wgsl.d.ts", ...Object.values(ENTRIES)].map((path) => join(ROOT, path))];
  return ts.createProgram(roots, OPTIONS, host);
}

/** What the compiler says of one source: "line: message". */
export function complaints(program: ts.Program, name: string): string[] {
  const file = program.getSourceFile(join(ROOT, name));
  if (!file) return [`${name} is not part of the program`];
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((found) => {
    const { line } = file.getLineAndCharacterOfPosition(found.start ?? 0);
    return `${line + 1}: ${ts.flattenDiagnosticMessageText(found.messageText, "\n")}`;
  });
}

/** An example in a docstring of the public API. */
export interface Example {
  /** The symbol. */
  readonly name: string;
  readonly code: string;
}

/** Every @example of what the public modules export and of its members. */
export function publicExamples(program: ts.Program): Example[] {
  const checker = program.getTypeChecker();
  const examples = new Map<string, Example>();
  const visit = (node: ts.Node, name: string) => {
    for (const tag of ts.getJSDocTags(node)) {
      if (tag.tagName.text !== "example") continue;
      const code = ts.getTextOfJSDocComment(tag.comment) ?? "";
      examples.set(`${tag.getSourceFile().fileName}:${tag.pos}`, { name, code });
    }
  };
  for (const path of Object.values(ENTRIES)) {
    const file = program.getSourceFile(join(ROOT, path));
    const module = file && checker.getSymbolAtLocation(file);
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      for (const declaration of symbol.declarations ?? []) {
        visit(declaration, exported.name);
        if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) continue;
        for (const member of declaration.members) visit(member, `${exported.name}.${member.name?.getText() ?? "new"}`);
      }
    }
  }
  return [...examples.values()];
}

/** Names that the public modules export. */
export function publicNames(program: ts.Program, path: string): string[] {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(join(ROOT, path));
  const module = file && checker.getSymbolAtLocation(file);
  return module ? checker.getExportsOfModule(module).map(({ name }) => name) : [];
}
