// Results of a search as a page: small pictures with their scores, in one file that needs no other.
import { pathToFileURL } from "node:url";
import { loadSharp } from "../../io/image/decode.ts";
import type { FoundRow } from "../pictureIndex/foundRow.ts";

const SIDE = 320;

/** A result; its facts where they are known. */
type Result = Pick<FoundRow, "path" | "score"> & Partial<FoundRow>;

/** The page, with a part for each group of results. A picture that cannot be shown has its name alone. */
export async function resultSheet(title: string, ...groups: readonly (readonly Result[])[]): Promise<string> {
  const parts: string[] = [];
  for (const group of groups) {
    const figures: string[] = [];
    for (const row of group) figures.push(await figure(row));
    parts.push(`<section>\n${figures.join("\n")}\n</section>`);
  }
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
  body { font: 15px system-ui, sans-serif; margin: 2rem; }
  body { background: Canvas; color: CanvasText; color-scheme: light dark; }
  section { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); gap: 1.2rem; }
  section + section { border-top: 1px solid #8886; margin-top: 1.2rem; padding-top: 1.2rem; }
  figure { margin: 0; }
  img { width: 100%; height: 220px; object-fit: cover; border-radius: 6px; background: #8883; }
  figcaption { overflow-wrap: anywhere; font-size: 13px; }
</style>
<h1>${escaped(title)}</h1>
<main>
${parts.join("\n")}
</main>
</html>
`;
}

async function figure({ path, score, width, height, taken }: Result): Promise<string> {
  const facts = [width && height ? `${width} x ${height}` : "", taken?.toISOString().slice(0, 10) ?? ""];
  const link = `<a href="${escaped(pathToFileURL(path).href)}">${escaped(path)}</a>`;
  const caption = [`<b>${score.toFixed(3)}</b>`, link, ...facts.filter((fact) => fact !== "")].join("<br>");
  const image = await thumbnail(path);
  const picture = image === undefined ? "" : `<img src="${image}" alt="${escaped(path)}">`;
  return `<figure>${picture}<figcaption>${caption}</figcaption></figure>`;
}

async function thumbnail(path: string): Promise<string | undefined> {
  const sharp = await loadSharp();
  try {
    const small = await sharp(path).autoOrient().resize(SIDE, SIDE, { fit: "cover" }).jpeg({ quality: 75 }).toBuffer();
    return `data:image/jpeg;base64,${small.toString("base64")}`;
  } catch {
    return undefined;
  }
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
