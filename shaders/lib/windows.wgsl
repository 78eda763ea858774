// Windows that a map of tokens is cut into, by index alone: the last ones of a row or column may reach beyond the map.

// Tokens that see each other: those of a batch element, or of what a window has of its map.
struct Part {
  queries: u32,
  keys: u32,
  firstQuery: u32, // rows of q and k
  firstKey: u32,
  columns: u32, // of a window; 1 where tokens are no map
}

// map, window: rows and columns.
fn windowOf(index: u32, map: vec2u, window: vec2u) -> Part {
  let counts = (map + window - 1) / window;
  let at = index % (counts.x * counts.y);
  let corner = vec2u(at / counts.y, at % counts.y) * window;
  let size = min(window, map - corner);
  let first = (index / (counts.x * counts.y) * map.x + corner.x) * map.y + corner.y;
  return Part(size.x * size.y, size.x * size.y, first, first, size.y);
}
