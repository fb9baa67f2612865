// What part of the scene is seen. All of it in double precision.

const CLOSEST = 1e10; // times the whole window

class View {
  constructor() {
    Object.assign(this, { x: 0, y: 0, scale: 1, width: 1, height: 1, extent: [1, 1], insets: [0, 0, 0, 0] });
  }
  get whole() {
    const [left, top, right, bottom] = this.insets;
    const width = Math.max(50, this.width - left - right), height = Math.max(50, this.height - top - bottom);
    return 0.97 * Math.min(width / this.extent[0], height / this.extent[1]);
  }
  get zoom() {
    return this.scale / this.whole;
  }
  resize(width, height) {
    const zoom = this.fitted ? this.zoom : 1;
    Object.assign(this, { width, height });
    if (!this.fitted) this.fit();
    else this.scale = zoom * this.whole;
  }
  fit() {
    const [left, top, right, bottom] = this.insets;
    this.scale = this.whole;
    this.x = (right - left) / 2 / this.scale;
    this.y = (top - bottom) / 2 / this.scale;
    this.fitted = true;
  }
  toScreen(x, y) {
    return [this.width / 2 + (x - this.x) * this.scale, this.height / 2 - (y - this.y) * this.scale];
  }
  toScene(px, py) {
    return [this.x + (px - this.width / 2) / this.scale, this.y - (py - this.height / 2) / this.scale];
  }
  // What is seen: left, low, right, high; `margin` in sizes of the view.
  rectangle(margin = 0) {
    const x = ((0.5 + margin) * this.width) / this.scale, y = ((0.5 + margin) * this.height) / this.scale;
    return [this.x - x, this.y - y, this.x + x, this.y + y];
  }
  move(dx, dy) {
    this.centre(this.x - dx / this.scale, this.y + dy / this.scale);
  }
  centre(x, y) {
    const [w, h] = this.extent;
    this.x = Math.min(w / 2, Math.max(-w / 2, x));
    this.y = Math.min(h / 2, Math.max(-h / 2, y));
  }
  zoomAt(px, py, factor) {
    const [x, y] = this.toScene(px, py);
    const scale = Math.min(CLOSEST * this.whole, Math.max(0.5 * this.whole, this.scale * factor));
    const share = this.scale / scale;
    this.scale = scale;
    this.centre(x + (this.x - x) * share, y + (this.y - y) * share);
  }
  // Show a box of the scene, with room around it.
  show([left, low, right, high], room = 3) {
    const fill = Math.min(this.width / Math.max(right - left, 1e-300), this.height / Math.max(high - low, 1e-300));
    this.scale = Math.min(CLOSEST * this.whole, fill / room);
    this.centre((left + right) / 2, (low + high) / 2);
  }
}

// The part of a convex polygon in a rectangle.
function clipPolygon(polygon, [left, low, right, high]) {
  let found = polygon;
  for (const [axis, bound, sign] of [[0, left, 1], [0, right, -1], [1, low, 1], [1, high, -1]]) {
    const next = [];
    for (let i = 0; i < found.length; i++) {
      const a = found[i], b = found[(i + 1) % found.length];
      const da = sign * (a[axis] - bound), db = sign * (b[axis] - bound);
      if (da >= 0) next.push(a);
      if (da < 0 !== db < 0) {
        const t = da / (da - db), point = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
        point[axis] = bound;
        next.push(point);
      }
    }
    found = next;
    if (!found.length) break;
  }
  return found;
}

// Where a segment enters and leaves a rectangle, or null.
function clipSegment(x0, y0, x1, y1, [left, low, right, high]) {
  const dx = x1 - x0, dy = y1 - y0;
  let from = 0, to = 1;
  for (const [step, room] of [[-dx, x0 - left], [dx, right - x0], [-dy, y0 - low], [dy, high - y0]]) {
    if (step === 0) {
      if (room < 0) return null;
    } else if (step < 0) from = Math.max(from, room / step);
    else to = Math.min(to, room / step);
  }
  if (from > to) return null;
  return [x0 + from * dx, y0 + from * dy, x0 + to * dx, y0 + to * dy];
}
