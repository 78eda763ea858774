// A plugin of typedoc. Guides are called by their headings, and modules as they are imported. What a kernel is stands
// where its file begins: the reference takes it from there, for the kernel and its op, and says of parameters whose
// they are.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Comment, Converter, ReflectionKind } from "typedoc";
import { ROOT } from "./bundle.mjs";

/** The comment that opens the file of a kernel, as text; undefined where the name is no kernel's. */
function headOf(name) {
  let source;
  try {
    source = readFileSync(join(ROOT, "src/kernels", `${name}.ts`), "utf8");
  } catch {
    return undefined;
  }
  const lines = /^(?:\/\/.*\n)+/.exec(source)?.[0].trimEnd().split("\n") ?? [];
  return lines.map((line) => line.replace(/^\/\/ ?/, "")).join(" ");
}

/** Square brackets of a shape and asterisks of a product are no Markdown. */
function plain(text) {
  return text.replace(/[[\]*<]/g, "\\$&");
}

/** Parts of the comment for a kernel, an op or the parameters of a kernel; undefined for all else. */
function partsFor({ name, parent }, kernels) {
  const link = (kernel) => {
    return { kind: "inline-tag", tag: "@link", text: kernel, target: kernels.getChildByName([kernel]) };
  };
  const text = (words) => ({ kind: "text", text: words });
  const head = headOf(name);
  if (head && parent === kernels) return [text(plain(head))];
  if (head) return [text(`${plain(head)} Its kernel: `), link(name), text(".")];
  const of = /^([A-Z]\w*)Params$/.exec(name)?.[1];
  return of && [text("Parameters of "), link(`${of[0].toLowerCase()}${of.slice(1)}`), text(".")];
}

function describeKernels(project) {
  const [kernels, ops] = ["kernels", "ops"].map((name) => {
    return project.getReflectionsByKind(ReflectionKind.Namespace).find((each) => each.name === name);
  });
  for (const each of [...kernels.children, ...ops.children].filter((child) => !child.hasComment())) {
    const parts = partsFor(each, kernels);
    if (parts) each.comment = new Comment(parts);
  }
}

/** Gives each guide the name in its heading. */
function nameGuides({ documents = [] }) {
  for (const guide of documents) {
    const [first] = guide.content;
    const [, title] = /^# (.+)\n/.exec(first?.text ?? "") ?? [];
    if (!title) throw new Error(`${guide.name} does not begin with a heading`);
    guide.name = title;
  }
}

function nameModules(project) {
  for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
    module.name = ["webgpu-vision", ...module.name.split("/")].filter((part) => part !== "index").join("/");
  }
}

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    nameModules(project);
    nameGuides(project);
    describeKernels(project);
  });
}
