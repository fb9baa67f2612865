// Pointer, wheel and keys.

const STILL = 4; // pixels that a click may move

class Hands {
  constructor(canvas, app) {
    Object.assign(this, { canvas, app, pointers: new Map(), moved: 0 });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.pointers.size || app.hover(null));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("dblclick", (event) => app.zoom(2, this.at(event)));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => app.setCross(false));
  }
  at(event) {
    const box = this.canvas.parentElement.getBoundingClientRect(); // the canvas itself may be shown moved
    return [event.clientX - box.left, event.clientY - box.top];
  }
  down(event) {
    if (event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    if (this.pointers.size === 1) this.moved = 0;
    this.app.setCross(false);
  }
  move(event) {
    const { app, pointers } = this, to = this.at(event), from = pointers.get(event.pointerId);
    if (!from) {
      if (event.pointerType !== "touch") app.hover(to);
      return;
    }
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    pointers.set(event.pointerId, to);
    this.moved += Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (this.moved < STILL && !others.length) return;
    if (!others.length) app.pan(to[0] - from[0], to[1] - from[1]);
    else {
      const [other] = others, apart = (a) => Math.max(1, Math.hypot(a[0] - other[0], a[1] - other[1]));
      app.pan((to[0] - from[0]) / 2, (to[1] - from[1]) / 2);
      app.zoom(apart(to) / apart(from), [(to[0] + other[0]) / 2, (to[1] + other[1]) / 2]);
      this.moved = Infinity;
    }
  }
  up(event) {
    if (this.pointers.delete(event.pointerId) && !this.pointers.size && this.moved < STILL) this.app.selectAt(this.at(event));
  }
  wheel(event) {
    event.preventDefault();
    const step = event.deltaY * (event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 300 : 1);
    this.app.zoom(Math.exp(-Math.min(240, Math.max(-240, step)) / 400), this.at(event));
    this.app.hover(this.at(event));
  }
  key(event) {
    const { app } = this, { view } = app, step = event.shiftKey ? 0.5 : 0.12;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      ArrowLeft: () => app.pan(step * view.width, 0),
      ArrowRight: () => app.pan(-step * view.width, 0),
      ArrowUp: () => app.pan(0, step * view.height),
      ArrowDown: () => app.pan(0, -step * view.height),
      "+": () => app.zoom(1.5),
      "=": () => app.zoom(1.5),
      "-": () => app.zoom(1 / 1.5),
      0: () => app.fit(),
      Home: () => app.fit(),
      Enter: () => app.selectAt([view.width / 2, view.height / 2]),
      " ": () => app.selectAt([view.width / 2, view.height / 2]),
      Escape: () => app.select(-1),
      "[": () => app.goToMoment(app.moment - 1),
      "]": () => app.goToMoment(app.moment + 1),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    if (event.key !== "Escape") app.setCross(true);
    action();
    if (app.cross) app.hover([view.width / 2, view.height / 2]);
  }
}
