// Windows that a map of tokens is cut into, by index alone: the last ones of a row or column may reach beyond the map.

// Tokens that see each other: those of a batch element, or of what a window has of its map.
struct Part {
  queries: u32,
  firstQuery: u32, // rows of q and k
  firstKey: u32,
  rows: u32, // keys of a window; all keys are one row where they are no map
  columns: u32,
}

// map, window: rows and columns.
fn windowOf(index: u32, map: vec2u, window: vec2u) -> Part {
  let counts = (map + window - 1) / window;
  let at = index % (counts.x * counts.y);
  let corner = vec2u(at / counts.y, at % counts.y) * window;
  let size = min(window, map - corner);
  let first = (index / (counts.x * counts.y) * map.x + corner.x) * map.y + corner.y;
  return Part(size.x * size.y, first, first, size.x, size.y);
}

// Four queries of a part.
struct Queries {
  row: vec4u, // of q
  place: vec4u, // in the window, by placeOf
  seen: vec4u, // keys of a row that they see
}

// In rows of 2 * windowWidth - 1, so that places with the same difference of rows and columns differ by one number.
fn placeOf(y: vec4u, x: vec4u, windowWidth: u32) -> vec4u {
  return y * (2 * windowWidth - 1) + x;
}

fn queriesOfWindow(tokens: vec4u, part: Part, width: u32, windowWidth: u32) -> Queries {
  let y = tokens / part.columns;
  let x = tokens % part.columns;
  return Queries(part.firstQuery + y * width + x, placeOf(y, x, windowWidth), vec4u(part.columns));
}
