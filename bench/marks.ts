// A part of a page that a script makes: it stands between two comments, of which the first names the script.
import { readFileSync } from "node:fs";

/** The page's text with what lies between the comments of this script replaced. */
export function replaceBetweenMarks(path: string, script: string, made: string): string {
  const text = readFileSync(path, "utf8");
  const [from, to] = [`<!-- made by ${script} from here -->`, "<!-- to here -->"];
  const begin = text.indexOf(from);
  const end = text.indexOf(to, begin);
  if (begin < 0 || end < 0) throw new Error(`${path} has no ${from} with ${to} after it`);
  return `${text.slice(0, begin + from.length)}\n\n${made}\n${text.slice(end)}`;
}
