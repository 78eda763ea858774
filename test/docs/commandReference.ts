// The reference of the command line, as docs/commandLine.md has it: each command's own help.
import type { Command } from "commander";
import { makeProgram } from "../../src/cli/program.ts";

const WIDTH = 100;

/** The page, in Markdown. test/docs.test.ts compares it with what is there; `-u` after its name writes it. */
export function commandReference(): string {
  const program = makeProgram(async () => undefined);
  const pages = program.commands.flatMap((command) => section(command, `webgpu-vision ${command.name()}`));
  return [
    "# The commands",
    "What `--help` says of each. [The command line](commandLine.md) has what all share.",
    `\`\`\`text\n${helpOf(program)}\n\`\`\``,
    ...pages,
  ]
    .join("\n\n")
    .concat("\n");
}

/** A command with those below it. */
function section(command: Command, name: string): string[] {
  const children = command.commands.flatMap((child) => section(child, `${name} ${child.name()}`));
  return [`## ${name}`, `\`\`\`text\n${helpOf(command)}\n\`\`\``, ...children];
}

function helpOf(command: Command): string {
  let text = "";
  command.configureHelp({ helpWidth: WIDTH, showGlobalOptions: false });
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text.trim();
}
