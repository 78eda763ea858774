// Draws the pictures of demos/photos that nobody photographed: SVG, rendered to JPEG by sharp.
// `node scripts/drawPhotos.mjs` makes them again, with names (`cat horse`) those alone. One subject each, in the
// middle, filling the frame: what a small CLIP can name.
import { join } from "node:path";
import sharp from "sharp";
import * as classes from "./drawnClasses.mjs";

const FOLDER = join(import.meta.dirname, "../demos/photos");
const WIDTH = 640;
const HEIGHT = 480;

/** A small generator of numbers in [0, 1), so that each run draws the same stars and waves. */
function seededRandom(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const gradient = (id, stops) =>
  `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1">${stops
    .map(([offset, colour]) => `<stop offset="${offset}" stop-color="${colour}"/>`)
    .join("")}</linearGradient>`;

const glow = (id, colour) => `<radialGradient id="${id}"><stop offset="0" stop-color="${colour}"/>
  <stop offset="1" stop-color="${colour}" stop-opacity="0"/></radialGradient>`;

/** A red steamer on a calm blue sea. */
function ship() {
  const random = seededRandom(3);
  const waves = Array.from({ length: 90 }, () => {
    const [x, y, length] = [random() * WIDTH, 345 + random() * 130, 15 + random() * 50];
    return `<path d="M${x} ${y}q${length / 2} -5 ${length} 0" stroke="#cfe8f5" stroke-opacity=".45" stroke-width="2"
      fill="none"/>`;
  });
  const windows = Array.from({ length: 9 }, (_, i) => `<circle cx="${190 + i * 34}" cy="302" r="7" fill="#f4e3b2"/>`);
  return `<defs>${gradient("sky", [
    [0, "#4d93cf"],
    [0.75, "#cfe6f4"],
  ])}${gradient("sea", [
    [0, "#2f7fae"],
    [1, "#0d3b5e"],
  ])}
    ${gradient("hull", [
      [0, "#c8332b"],
      [1, "#7d1a17"],
    ])}</defs>
    <rect width="640" height="480" fill="url(#sky)"/>
    <g fill="#fff" fill-opacity=".8"><ellipse cx="120" cy="80" rx="80" ry="20"/>
    <ellipse cx="170" cy="66" rx="50" ry="22"/>
      <ellipse cx="520" cy="120" rx="70" ry="16"/></g>
    <rect y="340" width="640" height="140" fill="url(#sea)"/>
    <g fill="#8b8f94" fill-opacity=".55"><circle cx="300" cy="92" r="20"/><circle cx="268" cy="72" r="26"/>
      <circle cx="228" cy="56" r="32"/></g>
    <rect x="282" y="110" width="46" height="90" fill="#1f2a33"/>
    <rect x="282" y="128" width="46" height="18" fill="#c8332b"/>
    <rect x="366" y="120" width="42" height="80" fill="#1f2a33"/>
    <rect x="366" y="138" width="42" height="18" fill="#c8332b"/>
    <rect x="210" y="190" width="250" height="45" rx="5" fill="#f5f2ea"/>
    <rect x="170" y="230" width="330" height="48" rx="5" fill="#e9e4d8"/>
    <g fill="#35536b">
      ${[230, 268, 306, 344, 382, 420].map((x) => `<rect x="${x}" y="202" width="22" height="18"/>`).join("")}
      ${[190, 232, 274, 316, 358, 400, 442].map((x) => `<rect x="${x}" y="244" width="26" height="20"/>`).join("")}</g>
    <path d="M90 270H565L520 372Q330 388 150 372Z" fill="url(#hull)"/>${windows.join("")}
    <path d="M146 366Q330 384 524 366L520 380Q330 396 150 380Z" fill="#f2f2f2" fill-opacity=".8"/>
    <path d="M540 270V170M118 270V190" stroke="#333" stroke-width="5"/><path d="M540 172l-50 16 50 18z" fill="#f0c23b"/>
    ${waves.join("")}`;
}

/** A ginger cat's face before a green wall. */
function cat() {
  const random = seededRandom(11);
  const fur = Array.from({ length: 500 }, () => {
    const [angle, radius] = [random() * 2 * Math.PI, Math.sqrt(random())];
    const [x, y] = [320 + Math.cos(angle) * radius * 165, 265 + Math.sin(angle) * radius * 140];
    const colour = random() < 0.5 ? "#b8681f" : "#f3b873";
    return `<path d="M${x} ${y}l${(x - 320) * 0.09} ${(y - 250) * 0.09 + 5}" stroke="${colour}"
      stroke-opacity=".5" stroke-width="2"/>`;
  });
  const eye = (
    x,
  ) => `<ellipse cx="${x}" cy="245" rx="34" ry="28" fill="#a7c84a"/><ellipse cx="${x}" cy="245" rx="34" ry="28"
    fill="none" stroke="#4a2c12" stroke-width="6"/><ellipse cx="${x}" cy="245" rx="10" ry="25" fill="#101010"/>
    <circle cx="${x + 9}" cy="234" r="6" fill="#fff"/>`;
  const whiskers = [-1, 1].flatMap((side) =>
    [-14, 2, 18].map(
      (dy) => `<path d="M${320 + side * 45} ${325 + dy * 0.4}
    q${side * 70} ${dy - 14} ${side * 150} ${dy}" stroke="#fdf6ea" stroke-width="2.5" fill="none"/>`,
    ),
  );
  return `<defs>${gradient("wall", [
    [0, "#5f7f5a"],
    [1, "#2f4630"],
  ])}${gradient("coat", [
    [0, "#e2963f"],
    [1, "#c87524"],
  ])}</defs>
    <rect width="640" height="480" fill="url(#wall)"/>
    <path d="M130 480Q150 360 320 350T510 480Z" fill="#c87524"/>
    <path d="M250 480Q270 400 320 396T390 480Z" fill="#f6e4cc"/>
    <path d="M165 215L150 55L285 140Z" fill="#d68530"/><path d="M475 215L490 55L355 140Z" fill="#d68530"/>
    <path d="M182 180L172 92L250 143Z" fill="#e6a7a0"/><path d="M458 180L468 92L390 143Z" fill="#e6a7a0"/>
    <ellipse cx="320" cy="265" rx="185" ry="155" fill="url(#coat)"/>${fur.join("")}
    <g stroke="#8f4c14" stroke-width="11" stroke-linecap="round" fill="none">
    <path d="M320 118V180M285 124l8 50M355 124l-8 50
      M146 250l56 10M144 290l54 0M494 250l-56 10M496 290l-54 0"/></g>
    <ellipse cx="278" cy="338" rx="56" ry="42" fill="#f9ead6"/>
    <ellipse cx="362" cy="338" rx="56" ry="42" fill="#f9ead6"/>
    <ellipse cx="320" cy="375" rx="38" ry="26" fill="#f9ead6"/>${eye(245)}${eye(395)}
    <path d="M298 302h44l-22 24z" fill="#cf6f6c"/>
    <path d="M320 326v18M320 344q-24 22 -46 4M320 344q24 22 46 4" fill="none"
      stroke="#5a3218" stroke-width="4" stroke-linecap="round"/>${whiskers.join("")}`;
}

/** The sun setting between mountains, over a lake. */
function sunset() {
  const random = seededRandom(5);
  const glints = Array.from({ length: 70 }, () => {
    const y = 335 + random() * 140;
    const spread = 20 + (y - 335) * 0.7;
    return `<rect x="${320 + (random() - 0.5) * spread * 2}" y="${y}" width="${12 + random() * 40}" height="3" rx="1.5"
      fill="#ffe2a0" fill-opacity="${0.25 + random() * 0.5}"/>`;
  });
  const firs = Array.from({ length: 26 }, () => {
    const left = random() < 0.5;
    const [x, h] = [left ? random() * 170 : 470 + random() * 170, 40 + random() * 60];
    return `<path d="M${x} ${338 - h}l${h * 0.22} ${h}h${-h * 0.44}z" fill="#1a1420"/>`;
  });
  return `<defs>${gradient("dusk", [
    [0, "#2b2350"],
    [0.35, "#8c3d6b"],
    [0.6, "#ee7b46"],
    [0.75, "#ffd27a"],
  ])}
    ${gradient("lake", [
      [0, "#f09a55"],
      [0.4, "#8f4666"],
      [1, "#1f1a3a"],
    ])}${glow("halo", "#fff1b8")}</defs>
    <rect width="640" height="480" fill="url(#dusk)"/><circle cx="320" cy="290" r="150" fill="url(#halo)"/>
    <circle cx="320" cy="290" r="48" fill="#fff4cf"/>
    <path d="M0 340V230L90 170L170 250L250 205L330 320L400 250L470 285L560 160L640 240V340Z" fill="#5c3157"/>
    <path d="M0 340V285L110 240L230 320L320 338L430 315L540 250L640 300V340Z" fill="#35213f"/>
    <rect y="335" width="640" height="145" fill="url(#lake)"/>${glints.join("")}${firs.join("")}`;
}

/** A wall of coloured geometric shapes, for the segmenter. */
function shapes() {
  return `<defs>${gradient("paper", [
    [0, "#f3ecdf"],
    [1, "#dcd1bd"],
  ])}</defs><rect width="640" height="480" fill="url(#paper)"/>
    <circle cx="150" cy="140" r="92" fill="#d8402f"/><circle cx="150" cy="140" r="40" fill="#f3ecdf"/>
    <rect x="285" y="60" width="150" height="150" fill="#2457a6" transform="rotate(12 360 135)"/>
    <path d="M540 50L615 215H465Z" fill="#f0b429"/>
    <path d="M60 425L120 280H250L190 425Z" fill="#2f8f5b"/>
    <path d="M360 275l24 55 60 6-45 40 13 59-52-31-52 31 13-59-45-40 60-6z" fill="#7b3fa0"/>
    <path d="M545 270a80 80 0 1 1 -1 0zm0 40a40 40 0 1 0 1 0z" fill="#1d1d24" fill-rule="evenodd"/>
    <path d="M0 240H640" stroke="#1d1d24" stroke-width="6"/>`;
}

const jpegs = Object.entries({ ship, cat, sunset, shapes, ...classes }).map(([name, draw]) => {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">${draw()}</svg>`;
  const quality = name in classes ? { quality: 84, mozjpeg: true } : { quality: 90 };
  return { name, file: `drawn-${name}.jpg`, jpeg: sharp(Buffer.from(svg)).flatten().jpeg(quality) };
});
const chosen = process.argv.slice(2);
for (const { name, file, jpeg } of jpegs) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  await jpeg.toFile(join(FOLDER, file));
  console.log(join(FOLDER, file));
}
