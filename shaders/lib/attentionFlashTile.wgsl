// A variant of attention for GPUs (FlashAttention-2, Dao 2023, whose names BR and BC are): bindings, params and scores
// of positions are in attention.wgsl. BR queries by BC keys a workgroup at a time, as two products: scores = k · qᵀ, of
// which a thread has TK keys by 4 queries, and sums = weights · v, of which it has SPAN vec4s of 4 queries. With 4 keys
// both read one vec4 of each operand for 16 products; 2 take fewer registers. v is read where it lies: the 16 threads
// that have the same queries read neighbours. Registers are what GPUs have least of here: queries' places and largest
// scores lie in workgroup memory, all threads take the same turns of a loop, and a loop that must not be unrolled has a
// constant length and a way out, as Chromium counts the turns of any other in two registers, to be sure that it ends.
// wordQ, wordK, wordV, wordPad, storeWord: lib/rowVectors.wgsl or lib/rowElements.wgsl. D, within, keyRow, scored:
// lib/attentionKeys.wgsl. turns: lib/unroll.wgsl. fromOther4: lib/lanes.wgsl or lib/noLanes.wgsl.

const BR = select(16u, 32u, D <= 80); // queries
const AHEAD = true; // keys are loaded while the ones before are multiplied, which takes registers
const TK = 4u; // keys of a thread: 4 | 2
const BC = 16 * TK; // keys
const BD = 16u; // elements of a head that are in workgroup memory at once, of keys
const SPAN = (D4 + 15) / 16; // vec4s of a query's sum that a thread has: 16 of them apart
const PARTS = select(select(select(8u, 4u, D4 > 2), 2u, D4 > 4), 1u, D4 > 8); // threads that have the same vec4 of the
// sums, each of other keys
const LANES = 1u; // threads of a subgroup, at least; 1 where they tell each other nothing
const OWN = min(LANES, 16); // neighbours of the 16 threads with the same queries that are of one subgroup

const CHUNKS = (D + BD - 1) / BD;
const CHUNKED = false; // one chunk of the queries is in workgroup memory at once, loaded anew for each tile of keys
const STEP = select(BD, 4u, CHUNKED); // elements of a round of the loop that multiplies queries by keys
const WG = BR * 4; // 16 threads for 4 queries
const LOADS = BC * BD / 4 / WG; // vec4s of keys that a thread loads for a chunk
const MOST_TURNS = ~0u; // of a loop that is left before
const END = select(MOST_TURNS, STEP, UNROLL);
const END_OF_HALVES = select(MOST_TURNS, BC / 32, UNROLL);
const LINES = BR / 16; // lines of the tile that hold the weights of 4 keys: 2 | 1

// An element of four queries: vec4<Elem> where one thread loads all of them; in chunks each of four threads loads one.
alias Four = array<Elem, 4>;

// [chunk][element of the chunk][query / 4]
var<workgroup> tileQ: array<array<array<Four, BR / 4>, BD>, select(CHUNKS, 1u, CHUNKED)>;
// 16 lines, two by two, of four elements more than the most that is needed, so that fewer threads meet in a bank. First
// keys, a line for each element of the chunk, [key / 4][key % 4]; then what 16 threads tell each other; then weights
// of 32 keys. Indices are apart, and constant where they can be, as each is checked. Different threads write the
// elements of four keys, which are not a vector: a write to one component of a vector may write all of them (WGSL,
// "Component Reference from Vector Reference"), and on Metal and Direct3D it can. Most compilers load the four at once.
var<workgroup> tile: array<array<array<array<Elem, 4>, 17>, 2>, BD / 2>;
var<workgroup> tileRow: array<u32, BC>; // rows of the keys in k and v
var<workgroup> tileQueries: array<Queries, BR / 4>;
// The largest score of each query so far, which 16 threads have in common. Where nothing is loaded ahead each has it in
// registers: so ARM's compiler spills less.
var<workgroup> tileLargest: array<vec4<f32>, BR / 4>;

fn vectorOf(x: array<Elem, 4>) -> vec4<f32> {
  return vec4<f32>(vec4<Elem>(x[0], x[1], x[2], x[3]));
}

// What 16 threads with the same queries tell each other: at most two values each; later the weights of key 4 * i + j.
fn tell(i: u32, j: u32, row: u32, x: vec4<f32>) {
  let four = array<Elem, 4>(Elem(x.x), Elem(x.y), Elem(x.z), Elem(x.w));
  if (LINES == 2) {
    tile[i][j / 2][j % 2 * 8 + row] = four;
  } else {
    tile[i / 2][i % 2][j * 4 + row] = four;
  }
}

fn told(i: u32, j: u32, row: u32) -> vec4<f32> {
  if (LINES == 2) {
    return vectorOf(tile[i][j / 2][j % 2 * 8 + row]);
  }
  return vectorOf(tile[i / 2][i % 2][j * 4 + row]);
}

// The largest of what 16 threads have: of OWN in registers, then of all. In f16 it is a rounded one, which serves as
// well: weights may be powers of 2 above or below any number that all of them have in common.
fn largestOfRow(mine: vec4<f32>, row: u32, column: u32) -> vec4<f32> {
  var largest = clamp(mine, vec4<f32>(-MOST_SCORE), vec4<f32>(MOST_SCORE));
  for (var mask = 1u; mask < OWN; mask *= 2) {
    largest = max(largest, fromOther4(largest, mask));
  }
  if (OWN < 16) {
    tell(column / 4, column % 4, row, largest);
    workgroupBarrier();
    largest = vec4<f32>(-MOST_SCORE); // its own as the others see it: compilers may leave out a rounding in registers
    for (var turn = 0u; turn < turns(16 / OWN, params.heads); turn++) {
      let i = turn * OWN;
      largest = max(largest, told(i / 4, i % 4, row));
    }
    workgroupBarrier();
  }
  return largest;
}

const MOST_SCORE = select(3.4e38f, 6e4f, Elem(1) + Elem(1e-4) == Elem(1)); // a finite Elem

// The sum of what those of 16 threads have whose column is the same but for multiples of `step`, a power of 2. In
// workgroup memory each value is the bits of it that any Elem has, and the rest.
fn sumOfRow(mine: vec4<f32>, row: u32, column: u32, step: u32) -> vec4<f32> {
  var sum = mine;
  for (var mask = step; mask < OWN; mask *= 2) {
    sum += fromOther4(sum, mask);
  }
  if (OWN < 16) {
    let high = bitcast<vec4<f32>>(bitcast<vec4u>(sum) & vec4u(0xffffe000)); // as many bits as an f16's
    tell(column / 4, column % 4, row, high);
    tell(4 + column / 4, column % 4, row, sum - high);
    workgroupBarrier();
    sum = vec4<f32>();
    let apart = max(step, OWN);
    // Without subgroups a loop that is not unrolled: once at the end, and values of 16 threads at once take registers.
    let count = select(turns(16 / apart, params.heads), 16 / apart * min(params.heads, 1u), OWN == 1);
    for (var turn = 0u; turn < count; turn++) {
      let i = turn * apart + column % apart;
      sum += told(i / 4, i % 4, row) + told(4 + i / 4, i % 4, row);
    }
    workgroupBarrier();
  }
  return sum;
}

// x: groups of queries, y: head, z: part.
@compute @workgroup_size(WG)
fn flashTile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let part = partOf(group.z);
  if (group.x * BR >= part.queries) {
    return;
  }
  let row = lane / 16; // of threads, with 4 queries
  let column = lane % 16; // of threads, with 4 keys; then with a vec4 of the head
  let query = queriesOf(min(group.x * BR + row * 4 + vec4u(0, 1, 2, 3), vec4u(part.queries - 1)), part);
  let head = group.y * D;
  if (!CHUNKED) {
    for (var turn = 0u; turn < (CHUNKS * BD / 4 + 15) / 16; turn++) {
      let i = turn * 16 + column;
      var x: array<vec4<Elem>, 4>; // [query]
      for (var r = 0u; r < 4; r++) {
        if (i < D4) {
          x[r] = within(wordQ(params.qOffset + query.row[r] * params.qStride + head, i), i);
        }
      }
      for (var j = 0u; j < 4; j++) {
        if (i < CHUNKS * BD / 4) {
          tileQ[i / 4][i % 4 * 4 + j][row] = Four(x[0][j], x[1][j], x[2][j], x[3][j]);
        }
      }
    }
  }
  if (column == 0) {
    tileQueries[row] = query;
  }
  workgroupBarrier();
  var softmax = Softmax(vec4<f32>(LOWEST), vec4<f32>()); // total: of this thread's own keys
  var sums: array<vec4<f32>, SPAN * 4>; // [vec4 of the head][query]
  let column4 = select(column % (16 / PARTS), column, PARTS == 1);
  let ownPart = select(column / (16 / PARTS), 0, PARTS == 1);
  if (HAS_PAD) {
    var score = vec4<f32>();
    for (var i = 0u; i < D4; i++) {
      if (CHUNKED && i % 4 == 0) {
        workgroupBarrier();
        loadChunk(i / 4, head, row, column);
        workgroupBarrier();
      }
      let x = vec4<f32>(within(wordPad(params.kOffset + head, i), i));
      for (var j = 0u; j < 4; j++) {
        let four = tileQ[select(i / 4, 0, CHUNKED)][i % 4 * 4 + j][row];
        score += x[j] * vec4<f32>(vec4<Elem>(four[0], four[1], four[2], four[3]));
      }
    }
    workgroupBarrier();
    softmax = padSoftmax(score * params.scale, query, group.y, part);
    for (var s = 0u; s < SPAN; s++) {
      let value = vec4<f32>(wordPad(params.vOffset + head, min(column4 + s * 16, D4 - 1)));
      for (var r = 0u; r < 4; r++) {
        sums[s * 4 + r] = select(0.0, softmax.total[r], ownPart == 0) * value;
      }
    }
    softmax.total = select(vec4<f32>(), softmax.total, column == 0);
  }
  if (AHEAD && column == 0) {
    tileLargest[row] = softmax.largest;
  }
  var keys = part.rows * part.columns;
  if (CAUSAL) {
    keys = min(keys, (group.x + 1) * BR + part.columns - part.queries);
  }
  for (var turn = 0u; turn < MOST_TURNS; turn++) {
    let first = turn * BC;
    if (first >= keys) {
      break;
    }
    var rows: array<u32, LOADS>; // first elements of the keys' heads
    for (var l = 0u; l < LOADS; l++) {
      rows[l] = params.kOffset + keyRow(min(first + l * (WG / 4) + lane / 4, keys - 1), part) * params.kStride + head;
    }
    if (GRID && lane < BC) {
      tileRow[lane] = keyRow(min(first + lane, keys - 1), part);
    }
    var scores = array<vec4<f32>, TK>(); // explicit zeros: some drivers reuse the last iteration's values
    var ahead: array<vec4<Elem>, LOADS>;
    if (AHEAD) {
      for (var l = 0u; l < LOADS; l++) {
        ahead[l] = keyWord(rows[l], lane % 4);
      }
    }
    let chunks = (params.headSize + BD - 1) / BD; // CHUNKS, where a loop must not be unrolled
    for (var chunk = 0u; chunk < MOST_TURNS; chunk++) {
      if (chunk >= chunks) {
        break;
      }
      for (var l = 0u; l < LOADS; l++) {
        if (!AHEAD) {
          ahead[l] = keyWord(rows[l], chunk * (BD / 4) + lane % 4);
        }
        let key = l * (WG / 4) + lane / 4;
        for (var j = 0u; j < 4; j++) {
          tile[lane % 4 * 2 + j / 2][j % 2][key / 4][key % 4] = ahead[l][j];
        }
      }
      if (CHUNKED) {
        loadChunk(chunk, head, row, column);
      }
      workgroupBarrier();
      if (AHEAD && chunk + 1 < chunks) {
        for (var l = 0u; l < LOADS; l++) {
          ahead[l] = keyWord(rows[l], (chunk + 1) * (BD / 4) + lane % 4);
        }
      }
      let rounds = select(1u, BD / STEP * min(params.heads, 1u), CHUNKED); // not unrolled where there are several
      for (var step = 0u; step < rounds; step++) {
        for (var i = 0u; i < END; i++) {
          if (!UNROLL && i >= turns(STEP, params.heads)) {
            break;
          }
          let d = step * STEP + i;
          let four = tileQ[select(chunk, 0, CHUNKED)][d][row];
          let x = vec4<f32>(vec4<Elem>(four[0], four[1], four[2], four[3]));
          for (var j = 0u; j < TK; j++) {
            scores[j] += f32(tile[d / 2][d % 2][column / (4 / TK)][column % (4 / TK) * TK + j]) * x;
          }
        }
      }
      workgroupBarrier();
    }
    var largest = vec4<f32>(LOWEST);
    for (var j = 0u; j < TK; j += KEYS) {
      let key = first + column * TK + j;
      if (KEYS == 1) {
        scores[j] = scored(scores[j], key, keys, tileQueries[row], group.y, part);
      } else {
        let positions = neighbourScores(key, keys, tileQueries[row], group.y, part);
        for (var i = 0u; i < KEYS; i++) {
          scores[j + i] = select(vec4<f32>(LOWEST), scores[j + i] * params.scale + positions[i], key < keys);
        }
      }
    }
    for (var j = 0u; j < TK; j++) {
      largest = max(largest, scores[j]);
    }
    let largestOfTile = largestOfRow(largest, row, column);
    let before = select(softmax.largest, tileLargest[row], AHEAD);
    let next = max(before, largestOfTile);
    let fade = exp2(before - next);
    for (var s = 0u; s < SPAN; s++) {
      for (var r = 0u; r < 4; r++) {
        sums[s * 4 + r] *= fade[r];
      }
    }
    softmax = Softmax(next, softmax.total * fade);
    for (var j = 0u; j < TK; j++) {
      scores[j] = weigh(scores[j] - next);
      softmax.total += scores[j];
    }
    for (var half = 0u; half < END_OF_HALVES; half++) {
      if (!UNROLL && half >= turns(BC / 32, params.heads)) {
        break;
      }
      if (BC == 32 || first + half * 32 < keys) {
        let own = column * TK - half * 32; // of these 32 keys, the first that this thread weighs
        if (BC == 32 || own < 32) {
          for (var j = 0u; j < TK; j++) {
            let key = own + j;
            tell(key / 4, key % 4, row, scores[j]);
          }
        }
        workgroupBarrier();
        if (AHEAD && column == 0 && half == 0) {
          tileLargest[row] = next; // all have read the one before
        }
        let groups = min(8, (keys - first - half * 32 + 3) / 4); // of 4 keys
        for (var turn = 0u; turn < MOST_TURNS; turn++) {
          if (turn * PARTS >= groups) {
            break;
          }
          let i = turn * PARTS + ownPart;
          // With two vec4s of each sum a loop that is not unrolled: values of 4 keys at once spill on Intel's GPUs.
          for (var j = 0u; j < select(4u, 4 * min(params.heads, 1u), SPAN > 1); j++) {
            let weight = told(i, j, row);
            let value = params.vOffset + valueRow(first, half * 32 + i * 4 + j, keys, part) * params.vStride + head;
            for (var s = 0u; s < SPAN; s++) {
              let x = vec4<f32>(wordV(value, min(column4 + s * 16, D4 - 1)));
              sums[s * 4] += weight.x * x;
              sums[s * 4 + 1] += weight.y * x;
              sums[s * 4 + 2] += weight.z * x;
              sums[s * 4 + 3] += weight.w * x;
            }
          }
        }
        workgroupBarrier();
      }
    }
  }
  let total = sumOfRow(softmax.total, row, column, 1);
  let count = part.queries - min(part.queries, group.x * BR + row * 4); // of this thread's queries
  for (var s = 0u; s < SPAN; s++) {
    for (var r = 0u; r < turns(4, params.heads); r++) {
      var sum = sums[s * 4 + r] / total[r]; // before it is told: it may be more than an f16 is
      if (PARTS > 1) {
        sum = sumOfRow(sum, row, column, 16 / PARTS);
      }
      let i = column4 + s * 16;
      if (r < count && i < D4 && ownPart == 0) {
        storeWord(tileQueries[row].row[r] * params.heads * D + head, i, min(4u, D - i * 4), vec4<Elem>(sum));
      }
    }
  }
}

// A chunk of the queries of a row of threads.
fn loadChunk(chunk: u32, head: u32, row: u32, column: u32) {
  let first = params.qOffset + tileQueries[row].row[column / 4] * params.qStride + head;
  let i = chunk * (BD / 4) + column % 4;
  var x = vec4<Elem>();
  if (i < D4) {
    x = within(wordQ(first, i), i);
  }
  for (var j = 0u; j < 4; j++) {
    tileQ[0][column % 4 * 4 + j][row][column / 4] = x[j];
  }
}

fn keyWord(first: u32, i: u32) -> vec4<Elem> {
  if (D % BD != 0u && i >= D4) {
    return vec4<Elem>();
  }
  return within(wordK(first, i), i);
}

fn valueRow(first: u32, i: u32, keys: u32, part: Part) -> u32 {
  if (GRID) {
    return tileRow[i];
  }
  return part.firstKey + min(first + i, keys - 1);
}
