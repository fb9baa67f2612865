// Regions as a complex of convex polygons: corners, sides, and what lies beside each.

// Plane coordinates (u, v) to those of the scene: orthonormal, the window's middle at 0, its longer side 1.
class Plane {
  constructor(window_) {
    Object.assign(this, window_); // matrix, origin, middle, size
    const [a, b, c, d] = this.matrix;
    this.determinant = a * d - b * c;
  }
  toScene(u, v) {
    const [a, b, c, d] = this.matrix, x = u - this.middle[0], y = v - this.middle[1];
    return [(a * x + b * y) / this.size, (c * x + d * y) / this.size];
  }
  toPlane(x, y) {
    const [a, b, c, d] = this.matrix, s = this.size / this.determinant;
    return [this.middle[0] + s * (d * x - b * y), this.middle[1] + s * (a * y - c * x)];
  }
  // Coordinates that pictures have: lengths in units of the input space, or the values of two inputs.
  toAxes(u, v) {
    const [a, b, c, d] = this.matrix;
    return [this.origin[0] + a * u + b * v, this.origin[1] + c * u + d * v];
  }
}

// Polygons alone, as numbers of corners in a list of points of the scene.
class Polygons {
  constructor(points, sides, corners) {
    const n = sides.length;
    this.points = points;
    this.corners = corners;
    this.n = n;
    this.offsets = new Uint32Array(n + 1);
    for (let f = 0; f < n; f++) this.offsets[f + 1] = this.offsets[f] + sides[f];
    this.boxes = new Float64Array(4 * n);
    for (let f = 0; f < n; f++) {
      let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
      for (let s = this.offsets[f]; s < this.offsets[f + 1]; s++) {
        const x = points[2 * corners[s]], y = points[2 * corners[s] + 1];
        if (x < x0) x0 = x;
        if (x > x1) x1 = x;
        if (y < y0) y0 = y;
        if (y > y1) y1 = y;
      }
      this.boxes.set([x0, y0, x1, y1], 4 * f);
    }
  }
  polygon(f) {
    const found = [];
    for (let s = this.offsets[f]; s < this.offsets[f + 1]; s++) {
      found.push([this.points[2 * this.corners[s]], this.points[2 * this.corners[s] + 1]]);
    }
    return found;
  }
  // Call `visit` for each polygon whose box meets a rectangle.
  within([left, low, right, high], visit) {
    const boxes = this.boxes;
    for (let f = 0, k = 0; f < this.n; f++, k += 4) {
      if (boxes[k] <= right && boxes[k + 2] >= left && boxes[k + 1] <= high && boxes[k + 3] >= low) visit(f);
    }
  }
}

function scenePoints(pairs, plane) {
  const points = new Float64Array(pairs.length);
  for (let i = 0; i < pairs.length; i += 2) {
    const [x, y] = plane.toScene(pairs[i], pairs[i + 1]);
    points[i] = x;
    points[i + 1] = y;
  }
  return points;
}

class Complex extends Polygons {
  constructor(arrays, plane) {
    const corners = new Uint32Array(arrays.corners.length);
    for (let s = 0, next = 0; s < corners.length; s++) {
      corners[s] = next - arrays.corners[s]; // how far back from the next new vertex
      if (arrays.corners[s] === 0) next++;
    }
    super(scenePoints(arrays.vertices, plane), arrays.sides, corners);
    this.plane = plane;
    this.vertices = arrays.vertices;
    this._findEdges();
    this.neuron = Int32Array.from(arrays.neuron, (k) => k - 1); // -1 on the window's border
    this._measure();
  }

  // Number edges as regions first have them; the first region lies to the left of its edge.
  _findEdges() {
    const { corners, offsets, n } = this, slots = corners.length;
    const ends = new Uint32Array(slots), face = new Uint32Array(slots);
    for (let f = 0; f < n; f++) {
      for (let s = offsets[f]; s < offsets[f + 1]; s++) {
        ends[s] = corners[s + 1 < offsets[f + 1] ? s + 1 : offsets[f]];
        face[s] = f;
      }
    }
    const starts = new Uint32Array(this.points.length / 2 + 1);
    for (let s = 0; s < slots; s++) starts[corners[s] + 1]++;
    for (let v = 0; v + 1 < starts.length; v++) starts[v + 1] += starts[v];
    const out = new Uint32Array(slots), fill = starts.slice();
    for (let s = 0; s < slots; s++) out[fill[corners[s]]++] = s;
    const edge = new Int32Array(slots).fill(-1);
    const from = new Uint32Array(slots), to = new Uint32Array(slots);
    const left = new Int32Array(slots), right = new Int32Array(slots);
    let count = 0;
    for (let s = 0; s < slots; s++) {
      if (edge[s] >= 0) continue;
      edge[s] = count;
      from[count] = corners[s];
      to[count] = ends[s];
      left[count] = face[s];
      right[count] = -1;
      for (let k = starts[ends[s]]; k < starts[ends[s] + 1]; k++) {
        if (ends[out[k]] === corners[s] && face[out[k]] !== face[s]) {
          edge[out[k]] = count;
          right[count] = face[out[k]];
        }
      }
      count++;
    }
    this.slotEdge = edge;
    this.edges = count;
    Object.assign(this, { from: from.slice(0, count), to: to.slice(0, count) });
    Object.assign(this, { left: left.slice(0, count), right: right.slice(0, count) });
  }

  _measure() {
    const { corners, offsets, n, points } = this, scale = this.plane.size;
    this.areas = new Float64Array(n);
    for (let f = 0; f < n; f++) {
      const first = corners[offsets[f]], x = points[2 * first], y = points[2 * first + 1];
      let doubled = 0;
      for (let s = offsets[f] + 1; s + 1 < offsets[f + 1]; s++) {
        const a = 2 * corners[s], b = 2 * corners[s + 1];
        doubled += (points[a] - x) * (points[b + 1] - y) - (points[b] - x) * (points[a + 1] - y);
      }
      this.areas[f] = 0.5 * Math.abs(doubled) * scale * scale;
    }
  }

  sidesOf(f) {
    return this.slotEdge.subarray(this.offsets[f], this.offsets[f + 1]);
  }
  across(edge, f) {
    return this.left[edge] === f ? this.right[edge] : this.left[edge];
  }
  neighbours(f) {
    return [...this.sidesOf(f)].map((edge) => this.across(edge, f)).filter((g) => g >= 0).sort((a, b) => a - b);
  }
  middle(f) {
    const polygon = this.polygon(f);
    return [0, 1].map((k) => polygon.reduce((sum, point) => sum + point[k], 0) / polygon.length);
  }

  // The region at a point of the scene, or -1.
  locate(x, y) {
    let best = -1, depth = -1e-12;
    this.within([x, y, x, y], (f) => {
      const found = this._depth(f, x, y);
      if (found > depth) [best, depth] = [f, found];
    });
    return best;
  }
  _depth(f, x, y) {
    let least = Infinity;
    for (const edge of this.sidesOf(f)) {
      const a = 2 * this.from[edge], b = 2 * this.to[edge], p = this.points;
      const along = p[b] - p[a], up = p[b + 1] - p[a + 1];
      const cross = (along * (y - p[a + 1]) - up * (x - p[a])) / Math.hypot(along, up);
      least = Math.min(least, this.left[edge] === f ? cross : -cross);
    }
    return least;
  }
  // The side of a region that is nearest to a point, and how far it is.
  nearestSide(f, x, y) {
    let best = -1, least = Infinity;
    for (const edge of this.sidesOf(f)) {
      const found = distanceToSegment(x, y, this.points, 2 * this.from[edge], 2 * this.to[edge]);
      if (found < least) [best, least] = [edge, found];
    }
    return [best, least];
  }
}

function distanceToSegment(x, y, p, a, b) {
  const along = p[b] - p[a], up = p[b + 1] - p[a + 1], square = along * along + up * up;
  const t = square > 0 ? Math.min(1, Math.max(0, ((x - p[a]) * along + (y - p[a + 1]) * up) / square)) : 0;
  return Math.hypot(x - p[a] - t * along, y - p[a + 1] - t * up);
}
