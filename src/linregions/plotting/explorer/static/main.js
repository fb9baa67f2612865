// The page: reads what it carries, and answers to what is done.

const SLOW = 120; // milliseconds that drawing may take while the view moves
const RESTING = 150;

class App {
  constructor(page, arrays) {
    Object.assign(this, { page, moment: -1, states: [], hidden: new Set(), show: { layered: false, decision: true } });
    Object.assign(this, { hovered: null, selected: -1, cross: false, tracked: null, moving: false });
    this.view = new View();
    this.view.extent = page.extent;
    if (page.moments.length > 1) this.view.insets = [0, 0, 0, 56]; // room for the slider
    this.canvas = document.getElementById("picture");
    this.painter = new Painter(this.canvas);
    this.overlay = new Overlay(document.getElementById("overlay"), this.view);
    this.card = new Card(document.getElementById("card"), page, (f) => this.goToRegion(f));
    this.panel = new Panel(this);
    this.hands = new Hands(this.canvas, this);
    this.graph = page.lines.length ? new Graph(this, arrays) : null;
    this._buttons();
    new ResizeObserver(() => this._resize()).observe(this.canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  _buttons() {
    const on = (id, act) => document.getElementById(id).addEventListener("click", act);
    on("zoom-in", () => this.zoom(2));
    on("zoom-out", () => this.zoom(0.5));
    on("fit", () => this.fit());
    on("png", () => this.savePng());
    on("svg", () => this.saveSvg());
    on("theme", () => {
      const root = document.documentElement, now = root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
      root.dataset.theme = now === "dark" ? "light" : "dark";
      this.redraw();
    });
    const slider = document.getElementById("moment");
    slider.max = this.page.moments.length - 1;
    slider.addEventListener("input", () => this.goToMoment(Number(slider.value)));
    document.getElementById("moments").hidden = this.page.moments.length < 2;
    on("play", () => this._play());
  }
  _play() {
    const button = document.getElementById("play");
    if (this.playing) {
      clearInterval(this.playing);
      this.playing = null;
    } else {
      if (this.moment === this.page.moments.length - 1) this.goToMoment(0);
      this.playing = setInterval(() => {
        if (this.moment >= this.page.moments.length - 1) this._play();
        else this.goToMoment(this.moment + 1);
      }, 900);
    }
    button.textContent = this.playing ? "❚❚" : "▶";
    button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
  }

  async goToMoment(k) {
    if (k < 0 || k >= this.page.moments.length || k === this.moment) return;
    this.moment = k;
    const moment = this.page.moments[k];
    document.getElementById("moment").value = k;
    document.getElementById("moment").setAttribute("aria-valuetext", moment.label);
    document.getElementById("moment-name").textContent = moment.label;
    if (!this.states[k]) this.states[k] = this._load(k);
    const state = await this.states[k];
    if (this.moment !== k) return; // another one was asked for meanwhile
    this.state = state;
    if (this.graph) this.graph.use(k);
    this.select(-1);
    document.getElementById("count").textContent = this._count(state);
    this.panel.fit(state);
    this.setFill(this.panel.fill.value);
    this.reink();
    this.hover(null);
  }
  async _load(k) {
    const moment = this.page.moments[k], arrays = await unpack(`moment-${k}`, moment.arrays);
    const complex = new Complex(arrays, this.page.plane);
    return { moment, arrays, complex, patterns: new Patterns(complex, arrays, moment), scene: new Scene(this.painter, this.view, complex, arrays) };
  }
  _count({ moment }) {
    const parts = [`${whole(moment.regions)} region${moment.regions === 1 ? "" : "s"}`];
    if (moment.linear_regions < moment.regions) parts.push(`${whole(moment.linear_regions)} linear regions`);
    parts.push(`${whole(moment.neurons)} neuron${moment.neurons === 1 ? "" : "s"}`);
    return parts.join(" · ");
  }

  // What is done
  pan(dx, dy) {
    this._start();
    this.view.move(dx, dy);
    this.redraw();
  }
  zoom(factor, at = [this.view.width / 2, this.view.height / 2]) {
    this._start();
    this.view.zoomAt(...at, factor);
    this.redraw();
  }
  fit() {
    this.view.fit();
    this.redraw();
  }
  goTo(at) {
    this.view.centre(...at);
    this.redraw();
    this.selectAt([this.view.width / 2, this.view.height / 2]);
  }
  goToRegion(f) {
    const { complex } = this.state;
    this.view.show(complex.boxes.subarray(4 * f, 4 * f + 4), 4);
    this.select(f);
    this.redraw();
  }
  hover(at) {
    this.pointer = at;
    this._sense();
    this.redraw(false);
  }
  selectAt(at) {
    const f = this.state ? this.state.complex.locate(...this.view.toScene(...at)) : -1;
    this.select(f === this.selected ? -1 : f);
  }
  select(f) {
    this.selected = f;
    if (this.state) {
      this._tell();
      this.redraw(false);
      document.getElementById("said").textContent = f < 0 ? "" : `Region ${f} selected, area ${short(this.state.complex.areas[f])}, ${this.state.complex.neighbours(f).length} neighbours.`;
    }
  }
  setCross(shown) {
    if (this.cross === shown) return;
    this.cross = shown;
    this.redraw(false);
  }
  setFill(mode) {
    const { state, panel } = this, found = fillOf(mode, state, this.page);
    panel.chosen = panel.fill.value = mode;
    state.scene.fill(found.colors, found.pieces || null);
    panel.explain(found.legend);
    this.redraw();
  }
  setShow(name, value) {
    this.show[name] = value;
    this.reink();
  }
  setLayer(k, shown) {
    this.hidden[shown ? "delete" : "add"](k);
    this.reink();
  }
  reink() {
    this.inks = inksOf(this.state, this.page, this.hidden, this.show.layered);
    this.state.scene.ink(this.inks);
    this.redraw();
  }

  // What lies under the pointer
  _sense() {
    this.hovered = null;
    if (!this.pointer || !this.state) return this.selected < 0 ? undefined : this._tell(); // else what was told stays
    const { complex } = this.state, at = this.view.toScene(...this.pointer), f = complex.locate(...at);
    const point = this.page.points.findIndex((entry) => {
      const [x, y] = this.view.toScreen(...entry.at);
      return Math.hypot(x - this.pointer[0], y - this.pointer[1]) < 10;
    });
    if (f >= 0) {
      const [edge, distance] = complex.nearestSide(f, ...at);
      this.hovered = { f, at, edge: distance * this.view.scale < 6 ? edge : -1, point };
    }
    if (this.graph) this.graph.pointTo(this.hovered && this.hovered.at);
    return this.hovered || this.selected >= 0 ? this._tell() : undefined;
  }
  _tell() {
    const { hovered, selected, state, card } = this, f = hovered ? hovered.f : selected;
    if (f < 0 || !state) return card.empty();
    return card.show(f, state, {
      at: hovered ? hovered.at : null,
      edge: hovered ? hovered.edge : -1,
      selected: f === selected,
      point: hovered && hovered.point >= 0 ? this.page.points[hovered.point] : null,
    });
  }

  _resize() {
    const { clientWidth, clientHeight } = this.canvas.parentElement;
    this.view.resize(clientWidth, clientHeight);
    this.redraw();
  }
  // Draw at the next frame: what lies over the picture, and the picture where it has changed.
  redraw(changed = true) {
    this.stale = this.stale || changed;
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this._draw());
  }
  // Where drawing takes long, a moving view shows the last picture in its new place, and a new one when it rests.
  _start() {
    this.moving = true;
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.moving = false;
      if (this.stale) this.redraw();
    }, RESTING);
  }
  _moves() {
    const { drawn, view, canvas } = this;
    if (!this.slow || !this.moving || !drawn) {
      canvas.style.transform = "";
      return false;
    }
    const share = view.scale / drawn.scale, x = (drawn.x - view.x) * view.scale, y = (view.y - drawn.y) * view.scale;
    canvas.style.transform = `translate(${x}px, ${y}px) scale(${share})`;
    return true;
  }
  get background() {
    return rgb(getComputedStyle(document.documentElement).getPropertyValue("--stage").trim());
  }
  get ratio() {
    return Math.min(window.devicePixelRatio || 1, 2);
  }
  _draw() {
    this.waiting = null;
    const { state, hovered } = this;
    if (!state || !this.view.width) return;
    if (this.stale && !this._moves()) {
      this._drawPicture();
      this.stale = false;
    }
    const edge = hovered ? hovered.edge : -1, neuron = edge >= 0 ? state.complex.neuron[edge] : -1;
    const edgeColor = neuron < 0 ? "#777777" : this.page.layers[layerOf(state.moment.offsets, neuron) % this.page.layers.length];
    this.overlay.draw(this.ratio, state, this.page, {
      selected: this.selected, hovered: hovered ? hovered.f : -1, point: hovered ? hovered.point : -1,
      edge, edgeColor, cross: this.cross, tracked: this.tracked, moment: this.moment,
    });
    document.getElementById("zoom").textContent = this.view.zoom < 1.5 ? "" : `${short(this.view.zoom, 3)}×`;
    if (this.graph) this.graph.redraw();
  }

  _drawPicture() {
    const { state, view } = this, start = performance.now();
    state.scene.draw(this.ratio, this.background, this.show);
    this.drawn = { x: view.x, y: view.y, scale: view.scale };
    // The card works on after the call; the frame after the next comes when it is done.
    requestAnimationFrame(() => requestAnimationFrame(() => (this.slow = performance.now() - start > SLOW)));
  }

  async savePng() {
    this.canvas.style.transform = "";
    this._drawPicture();
    this._draw();
    download(await asPng([this.canvas, this.overlay.canvas], this.background), "regions.png");
  }
  svg() {
    return asSvg(this.state.scene, this.page, this.show, this.inks);
  }
  saveSvg() {
    download(new Blob([this.svg()], { type: "image/svg+xml" }), "regions.svg");
  }
}

async function start() {
  const page = JSON.parse(document.getElementById("page").textContent);
  const arrays = await unpack("shared", page.arrays);
  if (!page.moments.length) {
    window.explorer = { page, graph: new Graph(null, arrays, page) };
    return;
  }
  page.plane = new Plane(page.window);
  const images = page.image && new Images(page.image, arrays);
  page.inputAt = (place) => images && images.at(place);
  page.points.forEach((point, k) => {
    point.at = page.plane.toScene(...point.place);
    if (images) Object.defineProperty(point, "image", { get: () => images.ofPoint(k) });
  });
  page.curves = page.lines.map((line) => line.curve.map((place) => page.plane.toScene(...place)));
  const app = new App(page, arrays);
  window.explorer = app;
  app._resize();
  app.show.decision = page.showDecision;
  document.getElementById("decision").checked = page.showDecision;
  await app.goToMoment(page.first);
  app._draw();
}

start().then(
  () => {
    performance.mark("ready");
    document.documentElement.dataset.ready = "true";
  },
  (error) => {
    console.error(error);
    const note = document.getElementById("trouble");
    note.hidden = false;
    note.textContent = error.message === "no WebGL2"
      ? "This browser has WebGL 2 switched off or does not have it, but the page draws with it. Switch on hardware acceleration, or open the page in a current Firefox, Chrome, Edge or Safari."
      : `The page cannot be drawn (${error.message}). Open it in a current Firefox, Chrome, Edge or Safari.`;
  },
);
