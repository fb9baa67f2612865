// What is told of a region.

const MOST_OUTPUTS = 10;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") Object.entries(value).forEach(([event, handler]) => made.addEventListener(event, handler));
    else if (name === "class") made.className = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

class Card {
  constructor(root, page, select) {
    Object.assign(this, { root, page, select });
    this.open = new Set();
  }

  empty() {
    this.root.replaceChildren(
      element("p", { class: "soft" }, "Point at a region, or tap it. Click to select it and its neighbours."),
    );
  }

  // `at`: where the pointer is, in the scene, or null; `edge`: the side of the region near it, or -1.
  show(f, state, { at, edge, selected, point }) {
    const { complex, patterns, moment } = state, parts = [];
    const pattern = patterns.of(f), share = complex.areas[f] / this.page.area;
    const title = element("h2", {}, `Region ${whole(f)}`);
    if (selected) title.append(" ", element("span", { class: "badge" }, "selected"));
    parts.push(title);
    if (point) parts.push(this._point(point));
    const neighbours = complex.neighbours(f);
    const facts = [["area", short(complex.areas[f])], ["share", `${short(100 * share, 3)} %`]];
    facts.push(["sides, neighbours", `${complex.sidesOf(f).length}, ${neighbours.length}`]);
    if (state.arrays.linear) facts.push(["linear region", whole(state.arrays.linear[f])]);
    state.moment.numbers.forEach((name, k) => facts.push([name, short(state.arrays[`number_${k}`][f])]));
    if (edge >= 0) facts.push(["edge here", this._neuron(complex.neuron[edge], moment)]);
    const where = at || complex.middle(f), plane = complex.plane.toPlane(...where), axes = complex.plane.toAxes(...plane);
    const names = this.page.axisNames;
    facts.push([(at ? "pointer" : "middle") + (names ? ` (${names.join(", ")})` : ""), axes.map((x) => short(x, 5)).join(", ")]);
    const map = patterns.map(f, pattern);
    if (map) {
      const outputs = map.map(([u, v, constant]) => u * plane[0] + v * plane[1] + constant);
      if (moment.decision) facts.push(["class", className(classOf(outputs, moment.decision), moment)]);
      parts.push(this._facts(facts), this._outputs(outputs, moment));
    } else parts.push(this._facts(facts));
    const image = this.page.inputAt(plane);
    if (image) parts.push(element("figure", { class: "input" }, image, element("figcaption", {}, at ? "input at the pointer" : "input in the middle")));
    parts.push(this._pattern(pattern, moment));
    if (map) parts.push(this._details("affine map", () => this._map(map)));
    if (selected) parts.push(this._neighbours(neighbours));
    this.root.replaceChildren(...parts);
  }

  _facts(facts) {
    const list = element("dl", { class: "facts" });
    facts.forEach(([name, value]) => list.append(element("dt", {}, name), element("dd", {}, value)));
    return list;
  }
  _neuron(neuron, moment) {
    if (neuron < 0) return "border of the window";
    const layer = layerOf(moment.offsets, neuron);
    const swatch = element("i", { class: "swatch" });
    swatch.style.background = this.page.layers[layer % this.page.layers.length];
    return element("span", { class: "neuron" }, swatch, ` layer ${layer + 1}, neuron ${neuron - moment.offsets[layer]}`);
  }
  _point(point) {
    const text = element("p", { class: "point" }, element("strong", {}, point.label ? `Point ${point.label}` : "Point"));
    text.append(point.distance > 0 ? `, ${short(point.distance)} away from the plane` : "");
    if (!point.image) return text;
    return element("figure", { class: "input" }, point.image, element("figcaption", {}, text));
  }
  _outputs(outputs, moment) {
    const order = outputs.map((_, k) => k);
    if (outputs.length > MOST_OUTPUTS) order.sort((a, b) => outputs[b] - outputs[a]).splice(MOST_OUTPUTS);
    const most = Math.max(...outputs.map(Math.abs), 1e-300), chosen = moment.outputs > 1 && moment.decision ? classOf(outputs, moment.decision) : -1;
    const table = element("table", { class: "outputs" });
    table.append(element("caption", {}, outputs.length > MOST_OUTPUTS ? `largest of ${outputs.length} outputs` : "outputs"));
    for (const k of order) {
      const bar = element("i", { class: outputs[k] < 0 ? "bar below" : "bar" });
      bar.style.width = `${(50 * Math.abs(outputs[k])) / most}%`;
      const row = element("tr", { class: k === chosen ? "chosen" : "" });
      row.append(element("th", { scope: "row" }, String(k)), element("td", { class: "track" }, bar), element("td", {}, short(outputs[k])));
      table.append(row);
    }
    return table;
  }
  _pattern(pattern, moment) {
    const box = element("div", { class: "patterns" }), { offsets } = moment;
    for (let k = 0; k + 1 < offsets.length; k++) {
      const own = pattern.subarray(offsets[k], offsets[k + 1]);
      if (!own.length) continue;
      const on = own.reduce((sum, piece) => sum + (piece > 0), 0);
      const row = element("div", { class: "layer" }, element("span", {}, `layer ${k + 1}`), element("span", {}, `${whole(on)} of ${whole(own.length)} on`));
      box.append(row, this._squares(own, k));
    }
    return box;
  }
  _squares(pieces, layer) {
    const columns = Math.min(pieces.length, pieces.length <= 40 ? 20 : pieces.length <= 512 ? 32 : 96);
    const rows = Math.ceil(pieces.length / columns), side = pieces.length <= 512 ? 8 : 3;
    const canvas = element("canvas", { width: columns * side, height: rows * side, class: "squares", role: "img" });
    canvas.setAttribute("aria-label", `pattern of layer ${layer + 1}: ${[...pieces.subarray(0, 64)].join("")}`);
    const context = canvas.getContext("2d"), most = pieces.reduce((a, b) => Math.max(a, b), 1), gap = side > 3 ? 1 : 0;
    pieces.forEach((piece, i) => {
      context.globalAlpha = piece ? 0.25 + (0.75 * piece) / most : 1;
      context.fillStyle = piece ? this.page.layers[layer % this.page.layers.length] : "rgba(128,136,144,0.28)";
      context.fillRect((i % columns) * side, Math.floor(i / columns) * side, side - gap, side - gap);
    });
    return canvas;
  }
  _details(name, fill) {
    const details = element("details", { open: this.open.has(name) }, element("summary", {}, name));
    details.addEventListener("toggle", () => {
      if (details.open) this.open.add(name);
      else this.open.delete(name);
      if (details.open && details.children.length === 1) details.append(fill());
    });
    if (details.open) details.append(fill());
    return details;
  }
  _map(map) {
    const table = element("table", { class: "map" });
    table.append(element("tr", {}, ...["output", "per u", "per v", "constant"].map((name) => element("th", { scope: "col" }, name))));
    map.slice(0, 100).forEach((row, k) => {
      table.append(element("tr", {}, element("th", { scope: "row" }, String(k)), ...row.map((x) => element("td", {}, short(x, 5)))));
    });
    return element("div", { class: "scroll" }, table);
  }
  _neighbours(neighbours) {
    const row = element("p", { class: "neighbours" }, "neighbours ");
    neighbours.slice(0, 40).forEach((g) => row.append(element("button", { type: "button", class: "link", on: { click: () => this.select(g) } }, whole(g)), " "));
    return row;
  }
}

// Images of inputs, grey or in colour, from numbers in the order channels, rows, columns.
class Images {
  constructor(description, arrays) {
    Object.assign(this, description); // channels, height, width, low, high
    this.arrays = arrays;
  }
  canvas(valueOf) {
    const { width, height, channels, low, high } = this, size = width * height;
    const canvas = element("canvas", { width, height, role: "img", "aria-label": "input as an image" });
    const context = canvas.getContext("2d"), image = context.createImageData(width, height);
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < 3; k++) {
        image.data[4 * i + k] = (255 * (valueOf(i + size * (channels === 3 ? k : 0)) - low)) / (high - low);
      }
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }
  at([u, v]) {
    const { input_origin: origin, input_basis: basis } = this.arrays, n = origin.length;
    return this.canvas((i) => origin[i] + u * basis[i] + v * basis[n + i]);
  }
  ofPoint(k) {
    const n = this.width * this.height * this.channels;
    return this.canvas((i) => this.arrays.point_inputs[k * n + i]);
  }
}
