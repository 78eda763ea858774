// Known vulnerabilities and wrong signatures of what users install, for CI: one attempt each, within a time limit.
// Prints a line. Ends with 1 where there is a high or critical vulnerability or a wrong signature, with 77 (not tested)
// where the registry does not answer.
import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";

const LIMIT_MS = 30_000;
const NOT_TESTED = 77;

/** What `npm audit --json` printed, as a line and whether it is a failure; nothing where it is no audit. */
export function vulnerabilities(printed) {
  const { metadata, vulnerabilities: found } = parsed(printed) ?? {};
  if (!metadata?.vulnerabilities) return undefined;
  const { high, critical, moderate, low } = metadata.vulnerabilities;
  const isBad = ({ severity }) => severity === "high" || severity === "critical";
  const names = Object.values(found ?? {}).flatMap((each) => (isBad(each) ? [each.name] : []));
  const counts = `${critical} critical, ${high} high, ${moderate} moderate, ${low} low`;
  return { line: `vulnerabilities: ${[counts, ...names].join(" ")}`, isFailure: critical + high > 0 };
}

/** The same of `npm audit signatures --json`. */
export function signatures(printed) {
  const { invalid } = parsed(printed) ?? {};
  if (!Array.isArray(invalid)) return undefined;
  const names = invalid.map(({ name }) => name);
  return { line: `wrong signatures: ${[names.length, ...names].join(" ")}`, isFailure: names.length > 0 };
}

function parsed(printed) {
  try {
    return JSON.parse(printed);
  } catch {
    return undefined;
  }
}

/** Asks npm once; the reason where it does not answer. */
function ask(args, read) {
  const flags = ["--omit=dev", "--json", "--fetch-retries=0", `--fetch-timeout=${LIMIT_MS}`];
  const { stdout, stderr, error } = spawnSync("npm", [...args, ...flags], { encoding: "utf8", timeout: LIMIT_MS });
  const answer = read(stdout ?? "");
  if (answer) return answer;
  const reason = error?.code === "ETIMEDOUT" ? `no answer within ${LIMIT_MS / 1000} s` : firstLine(stderr ?? "");
  return { line: `npm ${args.join(" ")} was not answered (${reason})`, isFailure: false, isUnanswered: true };
}

/** npm's own words for what went wrong, without addresses. */
function firstLine(stderr) {
  const line = /^npm (?:error|warn audit) (.*)$/m.exec(stderr)?.[1] ?? "no reason given";
  return line.replace(/ - \w+ https?:\S+/, "");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const answers = [ask(["audit"], vulnerabilities), ask(["audit", "signatures"], signatures)];
  console.log(answers.map(({ line }) => line).join("; "));
  if (answers.some(({ isFailure }) => isFailure)) process.exitCode = 1;
  else if (answers.every(({ isUnanswered }) => isUnanswered)) process.exitCode = NOT_TESTED;
}
