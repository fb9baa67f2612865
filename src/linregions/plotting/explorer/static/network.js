// Patterns of regions and the network on them, from how the pattern changes across edges.

class Patterns {
  constructor(complex, arrays, moment) {
    this.complex = complex;
    this.arrays = arrays;
    this.moment = moment;
    this.several = new Map(); // edges across which more than one neuron moves, or one by more than a piece
    const table = arrays.several;
    for (let i = 0; i < table.length; i += 4) {
      if (!this.several.has(table[i])) this.several.set(table[i], []);
      this.several.get(table[i]).push([table[i + 1], table[i + 2], table[i + 3]]);
    }
  }

  // The edge by which each region is reached from the first one.
  get reached() {
    if (!this._reached) {
      const { complex } = this, edge = new Int32Array(complex.n).fill(-2);
      const queue = new Uint32Array(complex.n);
      edge[0] = -1;
      for (let head = 0, tail = 1; head < tail; head++) {
        for (const e of complex.sidesOf(queue[head])) {
          const next = complex.across(e, queue[head]);
          if (next >= 0 && edge[next] === -2) {
            edge[next] = e;
            queue[tail++] = next;
          }
        }
      }
      this._reached = edge;
    }
    return this._reached;
  }

  // Linear piece of every neuron in a region.
  of(f) {
    const way = [];
    for (let at = f; this.reached[at] >= 0; at = this.complex.across(this.reached[at], at)) way.push(at);
    const pattern = this.arrays.first_pattern.slice();
    for (const into of way.reverse()) this._cross(pattern, this.reached[into], into);
    return pattern;
  }
  _cross(pattern, edge, into) {
    const { complex, arrays } = this, toRight = complex.right[edge] === into;
    if (this.several.has(edge)) {
      for (const [neuron, left, right] of this.several.get(edge)) pattern[neuron] = toRight ? right : left;
      return;
    }
    const rises = ((arrays.rises[edge >> 3] >> (edge & 7)) & 1) === 1;
    pattern[complex.neuron[edge]] += rises === toRight ? 1 : -1;
  }

  // The network on a region: for each output [per u, per v, constant]; null where the page does not have it.
  map(f, pattern) {
    const maps = this.moment.maps;
    if (maps === null) return null;
    if (maps.kind === "layers") return this._throughLayers(pattern);
    const n = this.moment.outputs, [u, v] = maps.middle, all = this.arrays.maps, found = [];
    for (let k = 0, at = 3 * n * f; k < n; k++, at += 3) {
      found.push([all[at], all[at + 1], all[at + 2] - all[at] * u - all[at + 1] * v]);
    }
    return found;
  }
  _throughLayers(pattern) {
    const { maps, offsets } = this.moment, width = maps.first;
    let rows = [0, 1, 2].map((k) => this.arrays.rows.subarray(k * width, (k + 1) * width));
    maps.layers.forEach((layer, k) => {
      const weight = this.arrays[`weight_${k}`], bias = this.arrays[`bias_${k}`];
      const next = rows.map(() => new Float64Array(layer.outputs));
      const active = rows.map((row) => Float64Array.from(row));
      for (let i = 0; i < layer.inputs; i++) {
        const piece = offsets[k + 1] > offsets[k] ? pattern[offsets[k] + i] : 0;
        for (const row of active) row[i] *= layer.slopes[piece];
        active[2][i] += layer.intercepts[piece];
      }
      for (let r = 0; r < 3; r++) {
        for (let j = 0; j < layer.outputs; j++) {
          let sum = r === 2 ? bias[j] : 0;
          for (let i = 0, at = j * layer.inputs; i < layer.inputs; i++, at++) sum += weight[at] * active[r][i];
          next[r][j] = sum;
        }
      }
      rows = next;
    });
    return Array.from(rows[0], (du, j) => [du, rows[1][j], rows[2][j]]);
  }
}

function layerOf(offsets, neuron) {
  let layer = 0;
  while (layer + 1 < offsets.length - 1 && offsets[layer + 1] <= neuron) layer++;
  return layer;
}

// The class of outputs: the largest or smallest, or whether a single one is above zero.
function classOf(outputs, decision) {
  const signed = decision === "argmin" ? outputs.map((x) => -x) : outputs;
  const scores = signed.length === 1 ? [0, signed[0]] : signed;
  return scores.indexOf(Math.max(...scores));
}
