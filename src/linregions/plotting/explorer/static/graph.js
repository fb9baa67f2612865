// The graph of a network along a line: exact, since it is straight between breakpoints.

const MARGIN = { left: 64, right: 16, top: 30, bottom: 34 };

class Graph {
  constructor(app, arrays, page = app.page) {
    Object.assign(this, { app, page, arrays, at: null, pointers: new Map() });
    this.canvas = document.getElementById("graph-picture");
    this.note = document.getElementById("graph-note");
    this.use(0);
    this._begin();
    this._hands();
    new ResizeObserver(() => this.redraw()).observe(this.canvas.parentElement);
    if (!app) document.getElementById("count").textContent = `${whole(this.line.regions)} regions · ${whole(this.line.linear_regions)} linear regions`;
    this.tell();
  }

  // Show the line of another moment.
  use(k) {
    const { arrays } = this, before = this.whole;
    this.k = k;
    this.line = this.page.lines[k];
    this.outputs = this.line.outputs;
    this.t = arrays[`line_${k}_t`]; // ends, breakpoints and turns
    this.values = arrays[`line_${k}_values`];
    this.neuron = Int32Array.from(arrays[`line_${k}_neuron`], (number) => number - 1); // -1 where nothing switches
    this.breaks = [];
    this.neuron.forEach((number, i) => number >= 0 && this.breaks.push(i));
    this.whole = [this.t[0], this.t[this.t.length - 1]];
    if (!before || before[0] !== this.whole[0] || before[1] !== this.whole[1]) this.seen = [...this.whole];
    this.redraw();
  }
  // Where few breakpoints lie far out, begin with most of them.
  _begin() {
    const n = this.breaks.length, of = (share) => this.t[this.breaks[Math.floor(share * (n - 1))]];
    if (n < 10) return;
    const low = of(0.05), high = of(0.95), [first, last] = this.whole;
    if (last - first < 3 * (high - low)) return;
    this.seen = [Math.max(first, low - 0.3 * (high - low)), Math.min(last, high + 0.3 * (high - low))];
  }
  _hands() {
    const { canvas } = this, place = (event) => event.clientX - canvas.getBoundingClientRect().left;
    canvas.addEventListener("pointermove", (event) => {
      const from = this.pointers.get(event.pointerId), to = place(event);
      if (from === undefined) return this.pick(this.toT(to));
      this.pointers.set(event.pointerId, to);
      const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
      if (others.length) this.zoom(Math.max(1, Math.abs(to - others[0])) / Math.max(1, Math.abs(from - others[0])), (to + others[0]) / 2);
      else this.pan((from - to) * this.unit);
      return this.pick(this.toT(to));
    });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, place(event));
      this.pick(this.toT(place(event)));
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-Math.min(240, Math.max(-240, event.deltaY * (event.deltaMode === 1 ? 18 : 1))) / 400), place(event));
      this.pick(this.toT(place(event)));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const middle = MARGIN.left + this.width / 2;
      const actions = {
        ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), "+": () => this.zoom(1.5, middle), "=": () => this.zoom(1.5, middle),
        "-": () => this.zoom(1 / 1.5, middle), 0: () => this.see(...this.whole), Home: () => this.see(...this.whole),
      };
      if (!actions[event.key] || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      actions[event.key]();
    });
  }
  get width() {
    return Math.max(10, this.canvas.clientWidth - MARGIN.left - MARGIN.right);
  }
  get unit() {
    return (this.seen[1] - this.seen[0]) / this.width; // of t, a pixel
  }
  toT(px) {
    return this.seen[0] + (px - MARGIN.left) * this.unit;
  }
  see(low, high) {
    this.seen = [low, high];
    this.redraw();
  }
  pan(by) {
    const size = this.seen[1] - this.seen[0], low = Math.min(this.whole[1] - size, Math.max(this.whole[0], this.seen[0] + by));
    this.see(low, low + size);
  }
  zoom(factor, px) {
    const t = this.toT(px), all = this.whole[1] - this.whole[0];
    const size = Math.min(all, Math.max(1e-11 * all, (this.seen[1] - this.seen[0]) / factor));
    const share = Math.min(1, Math.max(0, (px - MARGIN.left) / this.width));
    this.see(t - share * size, t + (1 - share) * size);
    this.pan(0);
  }
  // Which region holds t, and the corner of the graph before it.
  regionOf(t) {
    let [low, high] = [0, this.breaks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.t[this.breaks[middle]] < t) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  _before(t) {
    let [low, high] = [0, this.t.length - 2];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.t[middle] <= t) low = middle;
      else high = middle - 1;
    }
    return low;
  }
  valuesAt(t) {
    const i = this._before(t), share = (t - this.t[i]) / (this.t[i + 1] - this.t[i] || 1), n = this.outputs;
    return Array.from({ length: n }, (_, k) => this.values[n * i + k] + share * (this.values[n * (i + 1) + k] - this.values[n * i + k]));
  }
  ends(region) {
    const of = (k) => (k < 0 ? this.whole[0] : k >= this.breaks.length ? this.whole[1] : this.t[this.breaks[k]]);
    return [of(region - 1), of(region)];
  }
  step(by) {
    const region = Math.min(this.breaks.length, Math.max(0, (this.at === null ? -1 : this.regionOf(this.at)) + by)), [a, b] = this.ends(region);
    this.pick((a + b) / 2);
    if (this.at < this.seen[0] || this.at > this.seen[1]) this.pan(this.at - (this.seen[0] + this.seen[1]) / 2);
  }

  pick(t) {
    this.at = Math.min(this.whole[1], Math.max(this.whole[0], t));
    this.tell();
    if (this.app) {
      this.app.tracked = this._onCurve(this.at);
      this.app.redraw(false);
    }
    this.redraw();
  }
  // Where t lies in the scene: on straight pieces between corners of the curve.
  _onCurve(t) {
    const curve = this.app.page.curves[this.k], corners = this.line.corners;
    let k = 0;
    while (k + 2 < corners.length && corners[k + 1] < t) k++;
    const share = (t - corners[k]) / (corners[k + 1] - corners[k]);
    return [0, 1].map((i) => curve[k][i] + share * (curve[k + 1][i] - curve[k][i]));
  }
  // The place of the line that is nearest to a point of the scene, where that is near.
  pointTo(at) {
    this.at = null;
    this.app.tracked = null;
    const curve = this.app.page.curves[this.k], corners = this.line.corners;
    let least = at ? 12 / this.app.view.scale : -1;
    for (let k = 0; at && k + 1 < curve.length; k++) {
      const [a, b] = [curve[k], curve[k + 1]], along = [b[0] - a[0], b[1] - a[1]];
      const share = Math.min(1, Math.max(0, ((at[0] - a[0]) * along[0] + (at[1] - a[1]) * along[1]) / (along[0] ** 2 + along[1] ** 2 || 1)));
      const place = [a[0] + share * along[0], a[1] + share * along[1]], apart = Math.hypot(at[0] - place[0], at[1] - place[1]);
      if (apart < least) {
        least = apart;
        this.at = corners[k] + share * (corners[k + 1] - corners[k]);
        this.app.tracked = place;
      }
    }
    this.tell();
  }
  tell() {
    if (this.at === null) {
      this.note.textContent = this.app ? "Along the line: point at the graph, or at the line in the picture." : "Point at the graph. Wheel or pinch to zoom, drag to move.";
      return;
    }
    const region = this.regionOf(this.at), [a, b] = this.ends(region);
    const near = this.breaks.filter((i) => Math.abs(this.t[i] - this.at) < 5 * this.unit).sort((i, j) => Math.abs(this.t[i] - this.at) - Math.abs(this.t[j] - this.at))[0];
    const parts = [`region ${whole(region)}`, `t = ${short(this.at, 6)}`, `from ${short(a, 6)} to ${short(b, 6)}`];
    if (near !== undefined) {
      const layer = layerOf(this.line.offsets, this.neuron[near]);
      parts.push(`breakpoint of layer ${layer + 1}, neuron ${this.neuron[near] - this.line.offsets[layer]}`);
    }
    const values = this.valuesAt(this.at);
    parts.push(values.length === 1 ? `output ${short(values[0])}` : `largest output ${values.indexOf(Math.max(...values))}: ${short(Math.max(...values))}`);
    this.note.textContent = parts.join(" · ");
  }

  redraw() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this._draw());
  }
  _draw() {
    this.waiting = null;
    const { canvas } = this, ratio = Math.min(window.devicePixelRatio || 1, 2), context = canvas.getContext("2d");
    const [width, height] = [canvas.clientWidth, canvas.clientHeight], n = this.outputs;
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(document.documentElement), ink = (name) => style.getPropertyValue(name).trim();
    const first = this._before(this.seen[0]), last = Math.min(this.t.length - 1, this._before(this.seen[1]) + 1);
    let [low, high] = [Infinity, -Infinity];
    for (const t of this.seen) for (const value of this.valuesAt(t)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    for (let k = n * (first + 1); k < n * last; k++) [low, high] = [Math.min(low, this.values[k]), Math.max(high, this.values[k])];
    const room = 0.06 * (high - low) || 1;
    [low, high] = [low - room, high + room];
    const x = (t) => MARGIN.left + (t - this.seen[0]) / this.unit;
    const y = (value) => height - MARGIN.bottom - ((value - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
    this._axes(context, width, height, x, y, [low, high], ink);
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, 0, this.width, height);
    context.clip();
    if (this.at !== null) {
      const [a, b] = this.ends(this.regionOf(this.at));
      context.fillStyle = ink("--track");
      context.fillRect(x(Math.max(a, this.seen[0])), MARGIN.top, Math.max(1, (Math.min(b, this.seen[1]) - Math.max(a, this.seen[0])) / this.unit), height - MARGIN.top - MARGIN.bottom);
    }
    for (let k = 0; k < n; k++) {
      context.beginPath();
      const start = this.valuesAt(this.seen[0])[k], end = this.valuesAt(this.seen[1])[k];
      context.moveTo(MARGIN.left, y(start));
      for (let i = first + 1; i < last; i++) context.lineTo(x(this.t[i]), y(this.values[n * i + k]));
      context.lineTo(width - MARGIN.right, y(end));
      Object.assign(context, { strokeStyle: this._colorOf(k, ink), lineWidth: 1.6, lineJoin: "round" });
      context.stroke();
    }
    const shown = this.breaks.filter((i) => this.t[i] >= this.seen[0] && this.t[i] <= this.seen[1]);
    const radius = Math.min(4, Math.max(1.5, (0.2 * this.width) / Math.max(1, shown.length)));
    for (const i of shown) {
      context.beginPath();
      context.fillStyle = this.page.layers[layerOf(this.line.offsets, this.neuron[i]) % this.page.layers.length];
      if (n === 1) context.arc(x(this.t[i]), y(this.values[i]), radius, 0, 2 * Math.PI);
      else context.rect(x(this.t[i]) - 0.5, height - MARGIN.bottom - 7, 1, 7);
      context.fill();
    }
    if (this.at !== null) {
      context.beginPath();
      context.moveTo(x(this.at), MARGIN.top);
      context.lineTo(x(this.at), height - MARGIN.bottom);
      Object.assign(context, { strokeStyle: "#d55e00", lineWidth: 1.5 });
      context.stroke();
    }
    context.restore();
  }
  _colorOf(output, ink) {
    const color = this.page.outputs[output % this.page.outputs.length];
    return this.outputs === 1 || color === "#000000" ? ink("--text") : color;
  }
  _axes(context, width, height, x, y, values, ink) {
    Object.assign(context, { strokeStyle: ink("--line"), fillStyle: ink("--soft"), lineWidth: 1, font: "12px system-ui, sans-serif" });
    for (const t of ticks(...this.seen, Math.max(2, this.width / 110))) {
      context.textAlign = "center";
      context.fillText(short(t, 7), x(t), height - 16);
      context.strokeRect(x(t), height - MARGIN.bottom, 0, 4);
    }
    for (const value of ticks(...values, 4)) {
      context.textAlign = "right";
      context.fillText(short(value, 5), MARGIN.left - 8, y(value) + 4);
      context.beginPath();
      context.moveTo(MARGIN.left, y(value));
      context.lineTo(width - MARGIN.right, y(value));
      context.stroke();
    }
    context.textAlign = "right";
    context.fillText("t", width - MARGIN.right - 2, height - MARGIN.bottom - 10);
    for (let k = 0, n = this.outputs; n > 1 && k < n; k++) {
      context.fillStyle = this._colorOf(k, ink);
      context.fillText(String(k), width - MARGIN.right - 14 * (n - 1 - k), MARGIN.top - 10);
    }
  }
}

// Round numbers between two.
function ticks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((k) => k * power >= raw), found = [];
  for (let k = Math.ceil(low / step); k * step <= high && found.length < 50; k++) found.push(k * step);
  return found;
}
