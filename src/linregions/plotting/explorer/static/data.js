// Arrays that the page carries: base64 of gzip, bytes sorted by their place in a number.

const KINDS = { f8: Float64Array, f4: Float32Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };

async function inflate(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Return the arrays of an element by name.
async function unpack(id, places) {
  const bytes = await inflate(document.getElementById(id).textContent);
  const arrays = {};
  for (const [name, [kind, n, at]] of Object.entries(places)) {
    const size = Number(kind[1]);
    const sorted = new Uint8Array(n * size);
    for (let plane = 0; plane < size; plane++) {
      const from = at + plane * n;
      for (let i = 0; i < n; i++) sorted[i * size + plane] = bytes[from + i];
    }
    arrays[name] = new KINDS[kind](sorted.buffer);
  }
  return arrays;
}
