// The panel beside the picture: what colours mean, lines, points, search.

class Panel {
  constructor(app) {
    this.app = app;
    const at = (id) => document.getElementById(id);
    Object.assign(this, { fill: at("fill"), legend: at("legend"), layers: at("layers"), upTo: at("up-to") });
    this.fill.addEventListener("change", () => app.setFill(this.fill.value));
    at("layered").addEventListener("change", (event) => app.setShow("layered", event.target.checked));
    at("decision").addEventListener("change", (event) => app.setShow("decision", event.target.checked));
    this.upTo.addEventListener("input", () => this._showUpTo(Number(this.upTo.value)));
    at("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this._search(at("number"));
    });
    app.page.points.forEach((point, k) => {
      const go = () => app.goTo(point.at);
      const name = point.label || `point ${k + 1}`;
      at("points").append(element("li", {}, element("button", { type: "button", class: "link", on: { click: go } }, name)));
    });
    at("points-box").hidden = !app.page.points.length;
    this.chosen = app.page.fill;
  }

  // The controls for another moment.
  fit(state) {
    const modes = fillModes(state.moment, state.arrays), names = modes.map(([name]) => name);
    this.fill.replaceChildren(...modes.map(([name, title]) => element("option", { value: name }, title)));
    this.fill.value = names.includes(this.chosen) ? this.chosen : names[0];
    document.getElementById("decision-row").hidden = !state.arrays.decision;
    const { offsets } = state.moment, own = offsets.slice(0, -1).map((_, k) => k).filter((k) => offsets[k + 1] > offsets[k]);
    if (this.layers.children.length !== own.length) {
      this.layers.replaceChildren(...own.map((k) => this._layer(k)));
      this.upTo.max = this.upTo.value = own.length;
      document.getElementById("up-to-row").hidden = own.length < 2;
    }
    this.own = own;
  }
  _layer(k) {
    const { app } = this, box = element("input", { type: "checkbox", "data-layer": k });
    box.checked = !app.hidden.has(k);
    box.addEventListener("change", () => app.setLayer(k, box.checked));
    const swatch = element("i", { class: "swatch" });
    swatch.style.background = app.page.layers[k % app.page.layers.length];
    return element("li", {}, element("label", {}, box, swatch, `layer ${k + 1}`));
  }
  _showUpTo(count) {
    this.own.forEach((k, i) => {
      this.layers.children[i].querySelector("input").checked = i < count;
      this.app.hidden[i < count ? "delete" : "add"](k);
    });
    this.app.reink();
  }
  _search(field) {
    const number = Number(field.value.replace(/[,\s]/g, "")), { n } = this.app.state.complex;
    const fits = field.value.trim() !== "" && Number.isInteger(number) && number >= 0 && number < n;
    field.setAttribute("aria-invalid", String(!fits));
    document.getElementById("search-note").textContent = fits ? "" : `Give a number from 0 to ${whole(n - 1)}.`;
    if (fits) this.app.goToRegion(number);
  }

  explain(legend) {
    const parts = [];
    if (legend.kind === "disc") {
      const disc = element("canvas", { width: 96, height: 96, class: "disc", role: "img" });
      disc.setAttribute("aria-label", "orange: uphill to the right; blue: to the left; light: upwards; dark: downwards; grey: flat");
      drawDisc(disc);
      parts.push(element("div", { class: "row" }, disc, element("span", {}, "uphill direction of the largest output; grey is flat")));
    } else if (legend.kind === "bar") {
      const bar = element("canvas", { width: 200, height: 1, class: "ramp", role: "img", "aria-label": `from ${legend.low} to ${legend.high}` });
      const context = bar.getContext("2d");
      for (let i = 0; i < 200; i++) {
        context.fillStyle = `rgb(${shadeOf(i / 199).map(Math.round).join(",")})`;
        context.fillRect(i, 0, 1, 1);
      }
      const ends = [legend.low, legend.log ? "(logarithmic)" : "", legend.high].map((text) => element("span", {}, text));
      parts.push(bar, element("div", { class: "ends" }, ...ends));
    } else if (legend.kind === "list") {
      const list = element("ul", { class: "keys" });
      for (const [name, color] of legend.entries.slice(0, 40)) {
        const swatch = element("i", { class: "swatch" });
        swatch.style.background = `rgb(${color.join(",")})`;
        list.append(element("li", {}, swatch, name));
      }
      parts.push(list);
    } else parts.push(element("span", {}, legend.text));
    this.legend.replaceChildren(...parts);
  }
}
