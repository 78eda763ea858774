// Drawings of what the small CLIP has learnt and no free photograph of demos/photos shows in a way that it can read:
// airplane, car, bird, deer, dog, frog, horse and truck, as SVG. One subject each, from the side, filling the frame,
// before a ground with the grain of a photograph: it has seen pictures of 32 pixels, and flat colours are airplanes to
// it.

/** A ground of two colours, upper and lower, that flow into each other, with uneven patches on it. */
const ground = (upper, lower, grain = 0.35) => `<defs>
    <linearGradient id="ground" x1="0" y1="0" x2="0" y2="1"><stop offset=".3" stop-color="${upper}"/>
      <stop offset=".75" stop-color="${lower}"/></linearGradient>
    <filter id="grain" x="0" y="0" width="1" height="1"><feTurbulence baseFrequency=".03 .05" numOctaves="3"
      seed="4"/>
      <feColorMatrix values="0 0 0 0 .1  0 0 0 0 .12  0 0 0 0 .05  0 0 1.6 0 -.55"/></filter>
    <filter id="coat" x="0" y="0" width="1" height="1"><feTurbulence baseFrequency=".05" numOctaves="2" seed="9"
      result="noise"/><feColorMatrix values="0 0 0 0 0  0 0 0 0 0  0 0 0 0 0  0 0 .9 0 -.3"/>
      <feComposite in2="SourceGraphic" operator="in"/><feMerge><feMergeNode
      in="SourceGraphic"/><feMergeNode/></feMerge>
    </filter></defs>
  <rect width="640" height="480" fill="url(#ground)"/>
  <rect width="640" height="480" filter="url(#grain)" opacity="${grain}"/>`;

/** A jet climbs through a clear sky. */
export function airplane() {
  const windows = Array.from({ length: 15 }, (_, i) => `<circle cx="${205 + i * 18}" cy="228" r="4" fill="#33506b"/>`);
  return `${ground("#5c9bd6", "#cfe3f2", 0.08)}
    <g transform="rotate(-7 320 240)">
    <path d="M96 150H140L190 222H110Z" fill="#2d5f9e"/>
    <path d="M90 238Q96 208 190 206H470Q560 208 596 238Q560 268 470 270H210Q120 270 90 238Z" fill="#f4f6f8"/>
    <path d="M92 244Q140 256 320 258H590Q548 269 470 270H210Q120 270 92 244Z" fill="#b9c4ce"/>
    <path d="M538 220Q562 224 578 234L540 236Z" fill="#33506b"/>${windows.join("")}
    <path d="M360 250L214 372H262L440 258Z" fill="#8d9aa6"/><path d="M372 208L296 128H330L440 208Z" fill="#aab6c1"/>
    <path d="M150 242L86 292H118L198 250Z" fill="#8d9aa6"/>
    <rect x="302" y="288" width="74" height="30" rx="13" fill="#5c6975"/></g>`;
}

/** A brown bird on a branch. */
export function bird() {
  return `${ground("#8fa67c", "#75906a", 0.35)}
    <path d="M0 404Q250 372 640 398V418Q250 394 0 424Z" fill="#4a3626"/>
    <g filter="url(#coat)"><path d="M452 262L618 366L578 380L420 330Z" fill="#4a3522"/>
    <path d="M176 166Q186 104 246 100Q300 104 318 150Q440 176 482 284Q440 350 344 352Q248 346 212 276Q192 226 176
      166Z"
      fill="#9a7046"/>
    <path d="M190 196Q192 250 232 300Q276 346 344 350Q386 350 420 334Q330 320 288 262Q254 214 246 186Z"
      fill="#e4d4b4"/>
    <path d="M310 182Q420 196 508 300Q416 318 348 276Q306 238 310 182Z" fill="#5b4128"/></g>
    <path d="M184 142L118 164L186 174Z" fill="#3b3128"/><circle cx="222" cy="146" r="11" fill="#120e0a"/>
    <circle cx="218" cy="142" r="3" fill="#fff"/>
    <path d="M296 348L288 402M344 350L340 400" stroke="#3b2d20" stroke-width="7"/>`;
}

/** A stag in a meadow at the edge of a wood. */
export function deer() {
  return `${ground("#7c8a5a", "#8a7a48", 0.9)}
    <g filter="url(#coat)"><path d="M250 290H286L278 462H258ZM300 300H330L326 462H306ZM430 300H462L470 462H448ZM470
      290
      H502L506 456H486Z" fill="#7d5632"/>
    <path d="M230 214Q300 196 420 206Q500 206 520 260Q522 316 470 326Q360 336 280 324Q226 312 222 262Z"
      fill="#a5733f"/>
    <path d="M226 272Q214 200 176 150L214 118Q262 150 292 226Z" fill="#a5733f"/>
    <path d="M120 158Q134 116 182 106Q222 108 220 138Q190 166 132 178Z" fill="#a5733f"/>
    <path d="M206 116L252 96L224 138Z" fill="#8b5d31"/>
    <path d="M516 236L540 262L514 284Z" fill="#f0e6d2"/><path d="M280 322Q360 332 470 322L440 306H300Z"
      fill="#d8bf95"/></g>
    <path d="M184 108Q150 66 168 14M172 70L128 44M170 44L146 18M206 108Q236 64 218 12M214 66L262 40M222 40L250 14"
      fill="none" stroke="#d3bf9c" stroke-width="9" stroke-linecap="round"/>
    <circle cx="172" cy="134" r="7" fill="#15110c"/><circle cx="126" cy="166" r="8" fill="#241a12"/>`;
}

/** A frog on sand, from the side. */
export function frog() {
  const spots = [
    [250, 214, 20],
    [320, 196, 15],
    [372, 232, 22],
    [440, 262, 17],
    [300, 268, 16],
    [480, 306, 14],
    [404, 312, 19],
  ].map(([x, y, r]) => `<ellipse cx="${x}" cy="${y}" rx="${r}" ry="${r * 0.7}" fill="#39471f"/>`);
  return `${ground("#b5a184", "#8f7a5a", 0.8)}
    <ellipse cx="330" cy="428" rx="270" ry="26" fill="#4a3d2a" opacity=".6"/>
    <g filter="url(#coat)"><path d="M84 300Q92 214 190 176Q290 140 400 204Q500 262 556 372Q540 424 420 424H230Q150 400
      140 346Q96 338 84 300Z" fill="#6f7d36"/><circle cx="196" cy="170" r="44" fill="#7b8a3e"/>
    <path d="M88 312Q150 352 236 330Q270 410 360 424H230Q150 400 140 346Q104 342 88 312Z" fill="#cdc79a"/>
    <path d="M366 420Q340 300 450 290Q560 300 566 400Q520 366 470 400L560 424V436H340Z" fill="#5d6b2c"/>
    <path d="M206 344Q170 400 196 420L128 426V438H250L262 372Z" fill="#5d6b2c"/>${spots.join("")}</g>
    <circle cx="188" cy="162" r="27" fill="#c79a2e"/><ellipse cx="186" cy="162" rx="17" ry="13" fill="#0d0d0a"/>
    <path d="M90 300Q160 322 250 286" fill="none" stroke="#39471f" stroke-width="7" stroke-linecap="round"/>
    <circle cx="112" cy="256" r="5" fill="#39471f"/>`;
}

/** A brown horse on a pasture. */
export function horse() {
  return `${ground("#b9c9d6", "#6f9440", 0.6)}
    <g filter="url(#coat)"><path d="M222 290H266L258 456H228ZM282 300H318L312 456H286ZM432 300H470L476 456H446ZM480
      280
      H520L522 452H494Z" fill="#5a341b"/>
    <path d="M204 216Q300 190 420 204Q520 204 532 262Q534 318 470 326Q350 338 264 322Q200 306 204 216Z"
      fill="#7b4724"/>
    <path d="M208 292Q190 210 150 160L196 84Q262 110 310 212Z" fill="#7b4724"/>
    <path d="M84 196Q100 120 176 82L206 98Q206 150 160 176L118 220Q88 222 84 196Z" fill="#7b4724"/>
    <path d="M182 86L194 50L214 92Z" fill="#5a341b"/></g>
    <path d="M192 66Q272 92 318 206L282 204Q250 130 196 104ZM528 230Q586 250 572 384Q548 340 520 300Z"
      fill="#24160c"/>
    <circle cx="156" cy="128" r="7" fill="#120b06"/><circle cx="98" cy="200" r="6" fill="#24160c"/>`;
}

/** A brown dog before a hedge, close. */
export function dog() {
  return `${ground("#3f4a3a", "#5c6b3c", 0.6)}
    <g transform="translate(-10 -40) scale(2)"><g filter="url(#coat)"><path d="M214 300H262L258
      452H204V436H222ZM282 310H322L318 452H264V436H286ZM430 300H474L484 452H430
      V436H448ZM476 290H516L532 440H478V426H496Z" fill="#74573b"/>
    <path d="M204 212Q300 186 430 206Q520 212 532 270Q524 326 460 322Q360 344 260 330Q206 312 204 212Z"
      fill="#8a6a4a"/>
    <path d="M530 240Q590 216 604 150Q616 190 596 236Q572 274 530 276Z" fill="#8a6a4a"/>
    <path d="M214 300Q176 230 160 196L238 120Q300 160 300 232Z" fill="#8a6a4a"/>
    <path d="M66 176Q70 140 128 132Q150 82 214 82Q266 92 266 148Q250 208 178 214Q90 226 66 176Z" fill="#8a6a4a"/>
    <path d="M196 84Q262 84 268 146Q256 178 222 190Q188 150 196 84ZM330 204Q400 196 446 210Q440 268 388 276Q330 262
      330
      204Z" fill="#5f3f25"/><path d="M228 92Q296 96 300 196Q262 222 236 188Q224 140 228 92Z" fill="#4a2f1a"/></g>
    <circle cx="162" cy="134" r="10" fill="#120c07"/><path d="M60 164Q66 142 92 146Q96 168 72 178Z" fill="#120c07"/>
    <path d="M82 198Q120 206 150 186" fill="none" stroke="#3a2716" stroke-width="5" stroke-linecap="round"/>
    <path d="M92 202Q96 240 116 236Q128 220 118 202Z" fill="#d9717a"/></g>`;
}

const wheel = (x, y, r) => `<circle cx="${x}" cy="${y}" r="${r}" fill="#17181a"/><circle cx="${x}" cy="${y}"
  r="${r * 0.55}" fill="#9aa0a6"/><circle cx="${x}" cy="${y}" r="${r * 0.18}" fill="#3b3f44"/>`;

/** A blue car on a road. */
export function automobile() {
  return `${ground("#9fb7c9", "#5e6064", 0.5)}
    <ellipse cx="320" cy="390" rx="286" ry="22" fill="#2a2a2c" opacity=".6"/>
    <path d="M44 352Q40 270 84 252L176 240Q220 148 288 144H424Q486 150 532 236Q592 246 600 290V352Q600 372 570
      372H76Q46
      372 44 352Z" fill="#23478f"/>
    <path d="M200 238Q236 170 294 166H334V238ZM352 166H418Q462 172 498 238H352Z" fill="#26333f"/>
    <path d="M48 318H598V352Q600 372 570 372H76Q46 372 46 348Z" fill="#152c5c"/>
    <path d="M56 276L96 268L98 292H52Z" fill="#f6e9b8"/><path d="M574 270H598V296H578Z" fill="#a3201c"/>
    <path d="M342 166V352M198 244V340" stroke="#152c5c" stroke-width="4"/><rect x="360" y="256" width="34" height="9"
      rx="4" fill="#c3cfe2"/>${wheel(162, 366, 54)}${wheel(486, 366, 54)}`;
}

/** A lorry on a road. */
export function truck() {
  return `${ground("#b4c6d4", "#7f7b74", 0.4)}
    <ellipse cx="320" cy="424" rx="300" ry="20" fill="#2a2a2c" opacity=".6"/>
    <rect x="196" y="92" width="416" height="262" fill="#e8e6df"/><rect x="196" y="92" width="416" height="20"
      fill="#c9c6bb"/><path d="M248 112V354M300 112V354M352 112V354M404 112V354M456 112V354M508 112V354M560 112V354"
      stroke="#cfccc2" stroke-width="5"/>
    <path d="M34 384V268Q36 244 56 236L84 160Q90 146 108 146H184V384Z" fill="#1f4f9a"/>
    <path d="M76 232L98 172H164V232Z" fill="#24313c"/><path d="M34 300H184V384H34Z" fill="#173b73"/>
    <rect x="30" y="352" width="586" height="34" fill="#33363a"/><rect x="36" y="300" width="24" height="20"
      fill="#f6e9b8"/><path d="M172 150V384" stroke="#122f5c" stroke-width="5"/>
    ${wheel(112, 392, 44)}${wheel(430, 392, 44)}${wheel(536, 392, 44)}`;
}
