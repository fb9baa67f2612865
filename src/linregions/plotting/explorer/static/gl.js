// Drawing with WebGL2: triangles of regions, and lines of any width.

const FILL = [
  `#version 300 es
in vec2 place; in vec4 color; uniform vec2 shift, factor; out vec4 shade;
void main() { shade = color; gl_Position = vec4((place - shift) * factor, 0.0, 1.0); }`,
  `#version 300 es
precision mediump float; in vec4 shade; out vec4 pixel;
void main() { pixel = vec4(shade.rgb * shade.a, shade.a); }`,
];
const STROKE = [
  `#version 300 es
in vec2 corner, from, to; in vec4 color;
uniform vec2 shift, factor, pixels; uniform float half_width, cap;
out vec4 shade; out vec3 at;
void main() {
  vec2 a = (from - shift) * factor * pixels, b = (to - shift) * factor * pixels;
  float length_ = max(distance(a, b), 1e-6);
  vec2 along = (b - a) / length_, across = vec2(-along.y, along.x);
  float reach = half_width + 1.0, beyond = cap > 0.0 ? reach : 0.0;
  float t = corner.x < 0.5 ? -beyond : length_ + beyond;
  shade = color;
  at = vec3(t, corner.y * reach, length_);
  gl_Position = vec4((a + along * t + across * corner.y * reach) / pixels, 0.0, 1.0);
}`,
  `#version 300 es
precision highp float; in vec4 shade; in vec3 at; uniform float half_width, strength; out vec4 pixel;
void main() {
  float past = max(max(-at.x, at.x - at.z), 0.0);
  float alpha = shade.a * strength * clamp(half_width + 0.5 - length(vec2(past, at.y)), 0.0, 1.0);
  pixel = vec4(shade.rgb * alpha, alpha);
}`,
];

class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
    if (!gl) throw new Error("no WebGL2");
    this.gl = gl;
    this.fill = this._program(FILL);
    this.stroke = this._program(STROKE);
    this.corners = this._buffer(new Float32Array([0, -1, 1, -1, 0, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }
  _program(sources) {
    const { gl } = this, program = gl.createProgram();
    [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER].forEach((kind, k) => {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, sources[k]);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(program, shader);
    });
    gl.linkProgram(program);
    const names = { program };
    for (const [count, get, find] of [
      [gl.ACTIVE_UNIFORMS, "getActiveUniform", "getUniformLocation"],
      [gl.ACTIVE_ATTRIBUTES, "getActiveAttrib", "getAttribLocation"],
    ]) {
      for (let k = 0; k < gl.getProgramParameter(program, count); k++) {
        const { name } = gl[get](program, k);
        names[name] = gl[find](program, name);
      }
    }
    return names;
  }
  _buffer(data, usage) {
    const { gl } = this, buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, usage);
    return buffer;
  }

  // Polygons as triangles: places of corners, the sizes of polygons.
  mesh(places, offsets) {
    const { gl } = this, n = offsets.length - 1, triangles = new Uint32Array(3 * (places.length / 2 - 2 * n));
    let at = 0;
    for (let f = 0; f < n; f++) {
      for (let s = offsets[f] + 1; s + 1 < offsets[f + 1]; s++) {
        triangles[at++] = offsets[f];
        triangles[at++] = s;
        triangles[at++] = s + 1;
      }
    }
    const made = gl.createVertexArray();
    gl.bindVertexArray(made);
    const mesh = { made, offsets, count: at, buffers: [this._buffer(places, gl.STATIC_DRAW)] };
    this._attribute(this.fill.place, 2, gl.FLOAT, 0, 0);
    mesh.colors = this._buffer(new Uint8Array(2 * places.length), gl.DYNAMIC_DRAW);
    this._attribute(this.fill.color, 4, gl.UNSIGNED_BYTE, 0, 0);
    const index = gl.createBuffer();
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, index);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, triangles, gl.STATIC_DRAW);
    mesh.buffers.push(mesh.colors, index);
    return mesh;
  }
  _attribute(place, size, kind, offset, each, stride = 0) {
    const { gl } = this;
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, kind, kind === gl.UNSIGNED_BYTE, stride, offset);
    gl.vertexAttribDivisor(place, each);
  }
  // Give each polygon a colour; `which` says whose colour it has.
  paint(mesh, colors, which = null) {
    const { gl } = this, { offsets } = mesh, bytes = new Uint8Array(4 * offsets[offsets.length - 1]);
    for (let f = 0; f + 1 < offsets.length; f++) {
      const k = 3 * (which ? which[f] : f);
      for (let at = 4 * offsets[f]; at < 4 * offsets[f + 1]; at += 4) {
        bytes[at] = colors[k];
        bytes[at + 1] = colors[k + 1];
        bytes[at + 2] = colors[k + 2];
        bytes[at + 3] = 255;
      }
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, mesh.colors);
    gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.DYNAMIC_DRAW);
  }

  // Lines from four numbers each.
  lines(places) {
    const { gl } = this, made = gl.createVertexArray();
    gl.bindVertexArray(made);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.corners);
    this._attribute(this.stroke.corner, 2, gl.FLOAT, 0, 0);
    const buffer = this._buffer(places, gl.STATIC_DRAW);
    this._attribute(this.stroke.from, 2, gl.FLOAT, 0, 1, 16);
    this._attribute(this.stroke.to, 2, gl.FLOAT, 8, 1, 16);
    const colors = this._buffer(new Uint8Array(places.length), gl.DYNAMIC_DRAW);
    this._attribute(this.stroke.color, 4, gl.UNSIGNED_BYTE, 0, 1);
    return { made, colors, count: places.length / 4, buffers: [buffer, colors] };
  }
  ink(lines, bytes) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, lines.colors);
    gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.DYNAMIC_DRAW);
  }
  forget(thing) {
    if (!thing) return;
    thing.buffers.forEach((buffer) => this.gl.deleteBuffer(buffer));
    this.gl.deleteVertexArray(thing.made);
  }

  begin(width, height, ratio, background) {
    const { gl } = this;
    const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    gl.viewport(0, 0, w, h);
    gl.clearColor(...background.map((x) => x / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    this.pixels = [w / 2, h / 2];
  }
  _use(program, frame) {
    const { gl } = this;
    gl.useProgram(program.program);
    gl.uniform2f(program.shift, ...frame.shift);
    gl.uniform2f(program.factor, ...frame.factor);
  }
  drawMesh(mesh, frame) {
    const { gl } = this;
    this._use(this.fill, frame);
    gl.bindVertexArray(mesh.made);
    gl.drawElements(gl.TRIANGLES, mesh.count, gl.UNSIGNED_INT, 0);
  }
  drawLines(lines, frame, width, strength, cap = 0) {
    if (!lines.count || strength <= 0) return;
    const { gl, stroke } = this;
    this._use(stroke, frame);
    gl.uniform2f(stroke.pixels, ...this.pixels);
    gl.uniform1f(stroke.half_width, width / 2);
    gl.uniform1f(stroke.strength, strength);
    gl.uniform1f(stroke.cap, cap);
    gl.bindVertexArray(lines.made);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, lines.count);
  }
}
