// The view as a file.

function escapeText(text) {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
const digits = (x) => Number(x.toFixed(6));
const hexOf = (colors, k) => `#${[0, 1, 2].map((i) => colors[3 * k + i].toString(16).padStart(2, "0")).join("")}`;

// The regions in view as polygons, with the numbers that they have; whole ones unless the view is very close.
function asSvg(scene, page, show, inks) {
  const { view, complex } = scene, { width, height } = view, box = view.rectangle();
  const close = view.zoom >= CLOSE, around = view.rectangle(0.25), parts = [];
  const place = ([x, y]) => view.toScreen(x, y).map(digits).join(",");
  const polygons = (source, colors, name) => {
    parts.push(`<g class="${name}" stroke-width="0.3" stroke-linejoin="round">`);
    source.within(box, (f) => {
      const corners = close ? clipPolygon(source.polygon(f), around) : source.polygon(f), color = hexOf(colors, f);
      if (corners.length > 2) parts.push(`<polygon data-${name}="${f}" points="${corners.map(place).join(" ")}" fill="${color}" stroke="${color}"/>`);
    });
    parts.push("</g>");
  };
  polygons(complex, scene.colors, "region");
  if (scene.pieceColors) polygons(scene.pieces, scene.pieceColors, "piece");
  const lines = (source, colorOf, attributes) => {
    const byColor = new Map();
    for (let k = 0; k < source.length; k += 4) {
      const color = colorOf(k / 4), part = color && clipSegment(...source.subarray(k, k + 4), close ? around : box);
      if (!part) continue;
      const ends = close ? part : source.subarray(k, k + 4);
      if (!byColor.has(color)) byColor.set(color, []);
      byColor.get(color).push(`M${place(ends.slice(0, 2))}L${place(ends.slice(2))}`);
    }
    for (const [color, path] of byColor) parts.push(`<path fill="none" ${attributes} ${color} d="${path.join("")}"/>`);
  };
  const inkOf = (e) => {
    const [r, g, b, a] = inks.subarray(4 * e, 4 * e + 4);
    return a && `stroke="rgb(${r},${g},${b})" stroke-opacity="${digits(a / 255)}"`;
  };
  lines(scene.edges, inkOf, `class="edges" stroke-width="${show.layered ? 1.2 : 0.5}"`);
  if (show.decision) {
    lines(scene.decision, () => 'stroke="#ffffff" stroke-opacity="0.85"', 'stroke-width="4" stroke-linecap="round"');
    lines(scene.decision, () => 'stroke="#000000"', 'class="decision" stroke-width="1.9" stroke-linecap="round"');
  }
  for (const point of page.points) {
    const [x, y] = view.toScreen(...point.at).map(digits);
    parts.push(`<circle cx="${x}" cy="${y}" r="5" fill="#000000" stroke="#ffffff" stroke-width="2"/>`);
    if (point.label) parts.push(`<text x="${x + 9}" y="${y - 8}" font-family="sans-serif" font-size="14" font-weight="600" stroke="#ffffff" stroke-width="4" paint-order="stroke">${escapeText(point.label)}</text>`);
  }
  const [u, v] = [0, 1].map((k) => page.plane.toPlane(...view.toScene(0, 0))[k]);
  const about = `data-scale="${view.scale / page.plane.size}" data-corner="${u} ${v}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${about}><title>${escapeText(page.title)}</title>${parts.join("\n")}</svg>\n`;
}

function asPng(layers, background) {
  const canvas = element("canvas", { width: layers[0].width, height: layers[0].height });
  const context = canvas.getContext("2d");
  context.fillStyle = `rgb(${background.join(",")})`;
  context.fillRect(0, 0, canvas.width, canvas.height);
  layers.forEach((layer) => context.drawImage(layer, 0, 0, canvas.width, canvas.height));
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function download(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
