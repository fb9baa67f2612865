// What is drawn of one moment. Far out, all of it lies on the card once for all; close up, the card's single precision
// would shake, so that what is seen is cut out in double precision and handed over relative to the view.

const CLOSE = 300; // how many times the window is magnified before that

class Scene {
  constructor(painter, view, complex, arrays) {
    Object.assign(this, { painter, view, complex, arrays });
    const n = arrays.piece_sides ? arrays.piece_sides.length : 0;
    const points = n ? scenePoints(arrays.piece_corners, complex.plane) : new Float64Array(0);
    this.pieces = new Polygons(points, n ? arrays.piece_sides : [], Uint32Array.from({ length: points.length / 2 }, (_, i) => i));
    this.decision = arrays.decision ? scenePoints(arrays.decision, complex.plane) : new Float64Array(0);
    this.edges = new Float64Array(4 * complex.edges);
    for (let e = 0; e < complex.edges; e++) {
      const a = 2 * complex.from[e], b = 2 * complex.to[e], p = complex.points;
      this.edges.set([p[a], p[a + 1], p[b], p[b + 1]], 4 * e);
    }
    this.far = this._upload({
      faces: this._whole(complex),
      pieces: this._whole(this.pieces),
      edges: { places: Float32Array.from(this.edges) },
      decision: { places: Float32Array.from(this.decision) },
    });
    this.near = null;
    this.colors = new Uint8Array(3 * complex.n);
    this.pieceColors = null;
    this.inks = new Uint8Array(4 * complex.edges);
  }

  _whole(polygons) {
    const places = new Float32Array(2 * polygons.corners.length);
    polygons.corners.forEach((v, s) => {
      places[2 * s] = polygons.points[2 * v];
      places[2 * s + 1] = polygons.points[2 * v + 1];
    });
    return { places, offsets: polygons.offsets };
  }
  _upload(parts) {
    const { painter } = this, made = {};
    for (const name of ["faces", "pieces"]) {
      made[name] = painter.mesh(parts[name].places, parts[name].offsets);
      made[name].which = parts[name].which;
    }
    for (const name of ["edges", "decision"]) {
      made[name] = painter.lines(parts[name].places);
      made[name].which = parts[name].which;
    }
    return made;
  }
  _forget(made) {
    if (made) Object.values(made).forEach((thing) => this.painter.forget(thing));
  }
  destroy() {
    this._forget(this.far);
    this._forget(this.near);
  }

  // Colours of regions, of pieces over them (or null), and of edges.
  fill(colors, pieceColors) {
    Object.assign(this, { colors, pieceColors });
    for (const made of [this.far, this.near]) if (made) this._fill(made);
  }
  ink(bytes) {
    this.inks = bytes;
    for (const made of [this.far, this.near]) if (made) this._ink(made);
  }
  _fill(made) {
    this.painter.paint(made.faces, this.colors, made.faces.which);
    if (this.pieceColors) this.painter.paint(made.pieces, this.pieceColors, made.pieces.which);
  }
  _ink(made) {
    const { which, count } = made.edges, bytes = new Uint8Array(4 * count);
    for (let k = 0; k < count; k++) {
      const from = 4 * (which ? which[k] : k);
      for (let i = 0; i < 4; i++) bytes[4 * k + i] = this.inks[from + i];
    }
    this.painter.ink(made.edges, bytes);
  }
  _inkDecision(made, shade) {
    const bytes = new Uint8Array(4 * made.decision.count);
    for (let k = 0; k < bytes.length; k += 4) bytes.set([shade, shade, shade, 255], k);
    this.painter.ink(made.decision, bytes);
  }

  // Cut out what is seen and some of what is around it.
  _cut() {
    const { view } = this, box = view.rectangle(1), [x, y, scale] = [view.x, view.y, view.scale];
    const place = (point) => [(point[0] - x) * scale, (point[1] - y) * scale];
    const local = [(box[0] - x) * scale, (box[1] - y) * scale, (box[2] - x) * scale, (box[3] - y) * scale];
    const polygons = (source) => {
      const places = [], offsets = [0], which = [];
      source.within(box, (f) => {
        const part = clipPolygon(source.polygon(f).map(place), local);
        if (part.length < 3) return;
        part.forEach((point) => places.push(point[0], point[1]));
        offsets.push(places.length / 2);
        which.push(f);
      });
      return { places: Float32Array.from(places), offsets: Uint32Array.from(offsets), which };
    };
    const segments = (source) => {
      const places = [], which = [];
      for (let k = 0; k < source.length; k += 4) {
        if (Math.max(source[k], source[k + 2]) < box[0] || Math.min(source[k], source[k + 2]) > box[2]) continue;
        if (Math.max(source[k + 1], source[k + 3]) < box[1] || Math.min(source[k + 1], source[k + 3]) > box[3]) continue;
        const part = clipSegment(...place([source[k], source[k + 1]]), ...place([source[k + 2], source[k + 3]]), local);
        if (!part) continue;
        places.push(...part);
        which.push(k / 4);
      }
      return { places: Float32Array.from(places), which };
    };
    this._forget(this.near);
    this.near = this._upload({
      faces: polygons(this.complex),
      pieces: polygons(this.pieces),
      edges: segments(this.edges),
      decision: segments(this.decision),
    });
    this.cut = { x, y, scale, box };
    this._fill(this.near);
    this._ink(this.near);
  }
  _current() {
    const { view } = this;
    if (view.zoom < CLOSE) {
      const factor = [(2 * view.scale) / view.width, (2 * view.scale) / view.height];
      return [this.far, { shift: [view.x, view.y], factor }];
    }
    const [left, low, right, high] = view.rectangle();
    const { cut } = this;
    const covered = cut && left >= cut.box[0] && low >= cut.box[1] && right <= cut.box[2] && high <= cut.box[3];
    if (!this.near || !covered || view.scale > 4 * cut.scale) this._cut();
    const { x, y, scale } = this.cut, share = view.scale / scale;
    return [this.near, {
      shift: [(view.x - x) * scale, (view.y - y) * scale],
      factor: [(2 * share) / view.width, (2 * share) / view.height],
    }];
  }

  // How large regions look, in pixels: lines thinner than what they bound stay readable.
  grain() {
    const { view } = this, [left, low, right, high] = view.rectangle(), [w, h] = view.extent;
    let seen = 0;
    this.complex.within([left, low, right, high], () => seen++);
    const width = Math.max(0, Math.min(right, w / 2) - Math.max(left, -w / 2));
    const height = Math.max(0, Math.min(high, h / 2) - Math.max(low, -h / 2));
    return Math.sqrt((width * height) / Math.max(1, seen)) * view.scale;
  }

  draw(ratio, background, show) {
    const { painter, view } = this;
    painter.begin(view.width, view.height, ratio, background);
    const [made, frame] = this._current();
    painter.drawMesh(made.faces, frame);
    if (this.pieceColors && made.pieces.count) painter.drawMesh(made.pieces, frame);
    const grain = this.grain();
    const strength = Math.min(1, Math.max(show.layered ? 0.3 : 0, (grain - 1.5) / 6));
    const width = Math.min(show.layered ? 1.7 : 1.1, Math.max(0.5, grain / 14));
    painter.drawLines(made.edges, frame, width * ratio, strength);
    if (show.decision && made.decision.count) {
      this._inkDecision(made, 255);
      painter.drawLines(made.decision, frame, 4 * ratio, 0.85, 1);
      this._inkDecision(made, 0);
      painter.drawLines(made.decision, frame, 1.9 * ratio, 1, 1);
    }
  }
}
