// What lies over the picture: outlines, points with labels, lines of other partitions, the scale bar.

const REACH = 60; // pixels around the view that outlines go on for

class Overlay {
  constructor(canvas, view) {
    Object.assign(this, { canvas, view, context: canvas.getContext("2d") });
  }

  draw(ratio, state, page, marks) {
    const { canvas, context, view } = this;
    Object.assign(canvas, { width: Math.round(view.width * ratio), height: Math.round(view.height * ratio) });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.lineJoin = "round";
    context.lineCap = "round";
    const { complex } = state;
    if (marks.selected >= 0) {
      for (const f of complex.neighbours(marks.selected)) this._outline(complex, f, "rgba(255,255,255,0.9)", 2.6, "rgba(0,0,0,0.75)", 1.2);
    }
    for (const f of new Set([marks.hovered, marks.selected])) {
      if (f >= 0) this._outline(complex, f, "#ffffff", 5.5, "#000000", f === marks.selected ? 3 : 2.2);
    }
    if (marks.edge >= 0) this._side(complex, marks.edge, marks.edgeColor);
    if (page.curves.length) this._curve(page.curves[marks.moment]);
    if (marks.tracked) this._dot(...view.toScreen(...marks.tracked), 5, "#d55e00");
    page.points.forEach((point, k) => this._point(point, k === marks.point));
    if (marks.cross) this._cross();
    this._scaleBar(page);
  }

  _path(points, closed) {
    const { context, view } = this;
    context.beginPath();
    points.forEach(([x, y], k) => (k ? context.lineTo : context.moveTo).call(context, ...view.toScreen(x, y)));
    if (closed) context.closePath();
  }
  _stroke(color, width) {
    Object.assign(this.context, { strokeStyle: color, lineWidth: width });
    this.context.stroke();
  }
  _outline(complex, f, halo, haloWidth, color, width) {
    const part = clipPolygon(complex.polygon(f), this.view.rectangle(REACH / Math.min(this.view.width, this.view.height)));
    if (part.length < 3) return;
    this._path(part, true);
    this._stroke(halo, haloWidth);
    this._stroke(color, width);
  }
  _segment(x0, y0, x1, y1, passes) {
    const part = clipSegment(x0, y0, x1, y1, this.view.rectangle(0.5));
    if (!part) return;
    this._path([[part[0], part[1]], [part[2], part[3]]], false);
    passes.forEach(([color, width]) => this._stroke(color, width));
  }
  _side(complex, edge, color) {
    const p = complex.points, a = 2 * complex.from[edge], b = 2 * complex.to[edge];
    this._segment(p[a], p[a + 1], p[b], p[b + 1], [["#ffffff", 8], [color, 5]]);
  }
  _curve(curve) {
    for (const pass of [["rgba(255,255,255,0.9)", 5], ["#000000", 2.4]]) {
      for (let k = 0; k + 1 < curve.length; k++) this._segment(...curve[k], ...curve[k + 1], [pass]);
    }
  }
  _dot(x, y, radius, color) {
    const { context } = this;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = color;
    context.fill();
    this._stroke("#ffffff", 2);
  }
  _text(text, x, y, align = "left") {
    const { context } = this;
    Object.assign(context, { font: "600 14px system-ui, sans-serif", textAlign: align, fillStyle: "#000000" });
    Object.assign(context, { strokeStyle: "rgba(255,255,255,0.92)", lineWidth: 4 });
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }
  _point(point, hovered) {
    const [x, y] = this.view.toScreen(...point.at);
    if (x < -20 || y < -20 || x > this.view.width + 20 || y > this.view.height + 20) return;
    this._dot(x, y, hovered ? 7 : 5, "#000000");
    if (point.label) this._text(point.label, x + 9, y - 8);
  }
  _cross() {
    const { context, view } = this, x = view.width / 2, y = view.height / 2;
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 4 * dx, y + 4 * dy);
      context.lineTo(x + 14 * dx, y + 14 * dy);
    }
    this._stroke("#ffffff", 4.5);
    this._stroke("#000000", 2);
  }
  _scaleBar(page) {
    const { context, view } = this, unit = page.plane.size / view.scale; // of the input space, a pixel
    const power = 10 ** Math.floor(Math.log10(unit * 140));
    const length = [5, 2, 1].map((k) => k * power).find((k) => k <= unit * 140);
    const x = 16, y = view.height - 16 - view.insets[3], end = x + length / unit;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(end, y);
    this._stroke("#ffffff", 6);
    this._stroke("#000000", 2.5);
    this._text(short(length), (x + end) / 2, y - 8, "center");
  }
}
