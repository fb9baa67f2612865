// What colours mean. Blue to orange and dark to light are what every common form of colour blindness leaves intact.

const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];
const NO_NUMBER = [200, 200, 200];

function rgb(hex) {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}
const STOPS = CIVIDIS.map(rgb);

function shadeOf(share) {
  const at = Math.min(1, Math.max(0, share)) * (STOPS.length - 1), k = Math.min(STOPS.length - 2, Math.floor(at));
  return STOPS[k].map((x, i) => x + (at - k) * (STOPS[k + 1][i] - x));
}

// What regions can be coloured by: name, title, and what of the page it needs.
function fillModes(moment, arrays) {
  const modes = [];
  if (arrays.color_gradient) modes.push(["gradient", "gradient"]);
  modes.push(["pattern", "pattern"]);
  if (arrays.linear) modes.push(["linear", "linear region"]);
  if (arrays.class) modes.push(["class", "class"]);
  modes.push(["layer", "newest layer"], ["area", "area"]);
  moment.numbers.forEach((name, k) => modes.push([`number ${k}`, name]));
  modes.push(["none", "none"]);
  return modes;
}

// Return colours of regions and of the pieces over them, and what explains them.
function fillOf(mode, state, page) {
  const { complex, arrays, moment } = state, n = complex.n;
  const spread = (numbers, colorOf) => {
    const colors = new Uint8Array(3 * numbers.length);
    numbers.forEach((k, f) => colors.set(colorOf(k), 3 * f));
    return colors;
  };
  if (mode === "gradient") return { colors: arrays.color_gradient, legend: { kind: "disc" } };
  if (mode === "pattern") return { colors: arrays.color_pattern, legend: { kind: "text", text: "A colour for each pattern, the same in every picture." } };
  if (mode === "linear") {
    const first = new Map();
    arrays.linear.forEach((label, f) => first.has(label) || first.set(label, f));
    const color = (label) => arrays.color_pattern.subarray(3 * first.get(label), 3 * first.get(label) + 3);
    return { colors: spread(arrays.linear, color), legend: { kind: "text", text: "A colour for each linear region." } };
  }
  if (mode === "class") {
    const color = (k) => rgb(page.classes[k % page.classes.length]);
    const there = [...new Set([...arrays.class, ...arrays.piece_class])].sort((a, b) => a - b);
    return {
      colors: spread(arrays.class, color),
      pieces: spread(arrays.piece_class, color),
      legend: { kind: "list", entries: there.map((k) => [className(k, moment), color(k)]) },
    };
  }
  if (mode === "layer") {
    const newest = newestLayers(complex, moment), color = (k) => (k < 0 ? [255, 255, 255] : rgb(page.layerFills[k % page.layerFills.length]));
    const there = [...new Set(newest)].sort((a, b) => a - b);
    const entries = there.map((k) => [k < 0 ? "no boundary" : `layer ${k + 1}`, color(k)]);
    return { colors: spread(newest, color), legend: { kind: "list", entries } };
  }
  if (mode === "none") return { colors: new Uint8Array(3 * n).fill(255), legend: { kind: "text", text: "Lines only." } };
  const values = mode === "area" ? complex.areas : arrays[`number_${mode.split(" ")[1]}`];
  return byNumber(values, mode === "area");
}

function byNumber(values, fromMedian) {
  let low = Infinity, high = -Infinity;
  for (const x of values) {
    if (Number.isFinite(x)) {
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
  }
  const log = low > 0 && high > 1000 * low;
  if (fromMedian) {
    // Most regions are tiny and cover next to nothing: the smaller half shares the darkest colour.
    const sorted = Float64Array.from(values).sort();
    low = sorted[sorted.length >> 1];
  }
  const scale = log ? Math.log : (x) => x, from = scale(low), span = scale(high) - from || 1;
  const colors = new Uint8Array(3 * values.length);
  values.forEach((x, f) => colors.set(Number.isFinite(x) ? shadeOf((scale(x) - from) / span) : NO_NUMBER, 3 * f));
  return { colors, legend: { kind: "bar", low: (fromMedian ? "≤ " : "") + short(low), high: short(high), log } };
}

function newestLayers(complex, moment) {
  const layers = Int16Array.from(complex.neuron, (k) => (k < 0 ? -1 : layerOf(moment.offsets, k)));
  return Int16Array.from({ length: complex.n }, (_, f) => complex.sidesOf(f).reduce((most, e) => Math.max(most, layers[e]), -1));
}

function className(k, moment) {
  if (moment.outputs > 1) return `class ${k}`;
  const sign = moment.decision === "argmin" ? ["not below 0", "below 0"] : ["not above 0", "above 0"];
  return sign[k];
}

// Colours of edges: one ink, or that of the layer; layers that are hidden are transparent.
function inksOf(state, page, hidden, layered) {
  const { complex, moment } = state, bytes = new Uint8Array(4 * complex.edges);
  const layers = moment.offsets.slice(0, -1).map((_, k) => rgb(page.layers[k % page.layers.length]));
  for (let e = 0; e < complex.edges; e++) {
    const neuron = complex.neuron[e];
    if (neuron < 0) {
      bytes.set([60, 66, 72, 110], 4 * e);
      continue;
    }
    const layer = layerOf(moment.offsets, neuron);
    if (hidden.has(layer)) continue;
    bytes.set(layered ? [...layers[layer], 255] : [16, 20, 24, 150], 4 * e);
  }
  return bytes;
}

// The disc of the gradient's directions, as `gradient_colors` colours it.
function drawDisc(canvas) {
  const n = canvas.width, context = canvas.getContext("2d"), image = context.createImageData(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const x = (2 * j + 1) / n - 1, y = 1 - (2 * i + 1) / n, radius = Math.hypot(x, y);
      if (radius > 1) continue;
      image.data.set([...oklab(0.71 + 0.22 * y, 0.35 * 0.15 * x, 0.15 * x), 255], 4 * (i * n + j));
    }
  }
  context.putImageData(image, 0, 0);
}

function oklab(lightness, a, b) {
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const brief = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * brief,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * brief,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * brief,
  ].map((x) => {
    const clipped = Math.min(1, Math.max(0, x));
    return 255 * (clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055);
  });
}

// A number in few digits.
function short(x, digits = 4) {
  if (!Number.isFinite(x)) return String(x);
  if (x !== 0 && (Math.abs(x) < 1e-4 || Math.abs(x) >= 1e7)) return x.toExponential(digits - 2).replace(/\.?0*e\+?/, "e").replace(/-/g, "−");
  const text = Math.abs(x) >= 10 ** digits ? String(Math.round(x)) : String(Number(x.toPrecision(digits)));
  return text.replace("-", "−");
}
const whole = (k) => k.toLocaleString("en");
