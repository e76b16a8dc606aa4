/** Points by WebGL2: one vertex a point, moved between two layouts by the shader. */
import type { Rgb } from './palette';
import { type Frame, MIN_SHAPE_SIZE, OPACITY, type Renderer, ROLE_SIZES } from './renderer';

const MAX_CATEGORIES = 16;

const VERTEX = `#version 300 es
precision highp float;
in vec2 a_from;
in vec2 a_to;
in vec4 a_look;
uniform vec2 u_scale;
uniform vec2 u_offset;
uniform float u_progress;
uniform float u_size;
uniform float u_pass;
uniform float u_sizes[4];
uniform vec3 u_colours[${MAX_CATEGORIES}];
out vec4 v_colour;
flat out float v_role;
flat out float v_size;
void main() {
  float dimmed = mod(a_look.z, 2.0);
  float faded = step(2.0, a_look.z);
  if (abs(min(dimmed + faded, 1.0) - u_pass) > 0.5) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = 1.0;
    return;
  }
  vec2 place = mix(a_from, a_to, u_progress);
  gl_Position = vec4(place * u_scale + u_offset, 0.0, 1.0);
  v_size = max(u_size * u_sizes[int(a_look.y)], 1.5);
  gl_PointSize = v_size;
  float opacity = faded > 0.5 ? ${OPACITY.faded.toFixed(2)} : dimmed > 0.5 ? ${OPACITY.dimmed.toFixed(2)} : ${OPACITY.full.toFixed(2)};
  v_colour = vec4(u_colours[int(a_look.x)], opacity);
  v_role = a_look.y;
}`;

/** Distance to the edge of the shape, in pixels; negative inside. Circle, triangle, cross, square by role. */
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 v_colour;
flat in float v_role;
flat in float v_size;
uniform vec3 u_paper;
out vec4 colour;
float edge(vec2 p) {
  float r = 0.5 * v_size;
  if (v_size < ${MIN_SHAPE_SIZE.toFixed(1)} || v_role < 0.5) return length(p) - r;
  if (v_role < 1.5) {
    vec2 q = vec2(abs(p.x), p.y);
    return max(dot(q, vec2(0.894, -0.447)) - 0.45 * r, q.y - 0.86 * r);
  }
  if (v_role < 2.5) {
    vec2 q = abs(vec2(p.x + p.y, p.x - p.y)) * 0.7071;
    return max(min(q.x, q.y) - 0.34 * r, max(q.x, q.y) - r);
  }
  return max(abs(p.x), abs(p.y)) - 0.8 * r;
}
void main() {
  float d = edge((gl_PointCoord - 0.5) * v_size);
  float cover = clamp(0.5 - d, 0.0, 1.0);
  if (cover <= 0.0) discard;
  float rim = v_size < ${MIN_SHAPE_SIZE.toFixed(1)} ? 0.0 : clamp(d + 1.3, 0.0, 1.0) * 0.6;
  float opacity = v_colour.a * cover;
  colour = vec4(mix(v_colour.rgb, u_paper, rim) * opacity, opacity);
}`;

/** A renderer, or null where the browser has no WebGL2. `onLost` is called when the device takes it away. */
export function createWebgl(canvas: HTMLCanvasElement, n: number, onLost: () => void): Renderer | null {
  const gl = canvas.getContext('webgl2', { alpha: true, antialias: false, powerPreference: 'high-performance' });
  const program = gl && link(gl);
  return program ? new WebglRenderer(canvas, gl, program, n, onLost) : null;
}

class WebglRenderer implements Renderer {
  readonly kind = 'webgl';
  private readonly buffers: Record<'from' | 'to' | 'look', WebGLBuffer>;
  private hasBackground = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly gl: WebGL2RenderingContext,
    private readonly program: WebGLProgram,
    private readonly n: number,
    private readonly onLost: () => void,
  ) {
    gl.useProgram(program);
    this.buffers = {
      from: attribute(gl, program, 'a_from', 2, gl.FLOAT),
      to: attribute(gl, program, 'a_to', 2, gl.FLOAT),
      look: attribute(gl, program, 'a_look', 4, gl.UNSIGNED_BYTE),
    };
    gl.uniform1fv(this.uniform('u_sizes'), ROLE_SIZES);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.clearColor(0, 0, 0, 0);
    canvas.addEventListener('webglcontextlost', this.lose);
  }

  setPositions(from: Float32Array, to: Float32Array): void {
    this.fill(this.buffers.from, from);
    this.fill(this.buffers.to, to);
  }

  setLook(look: Uint8Array): void {
    this.fill(this.buffers.look, look);
    this.hasBackground = look.some((byte, i) => i % 4 === 2 && byte !== 0);
  }

  setColours(colours: Rgb[], paper: Rgb): void {
    const flat = new Float32Array(3 * MAX_CATEGORIES);
    flat.set(colours.slice(0, MAX_CATEGORIES).flat());
    this.gl.uniform3fv(this.uniform('u_colours'), flat);
    this.gl.uniform3fv(this.uniform('u_paper'), paper);
  }

  draw(frame: Frame): void {
    const { gl } = this;
    const { width, height } = this.canvas;
    gl.viewport(0, 0, width, height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.uniform('u_scale'), (2 * frame.scale) / width, (2 * frame.scale) / height);
    gl.uniform2f(this.uniform('u_offset'), (2 * frame.centreX) / width - 1, 1 - (2 * frame.centreY) / height);
    gl.uniform1f(this.uniform('u_progress'), frame.progress);
    gl.uniform1f(this.uniform('u_size'), frame.size);
    // What is dimmed or faded lies under the rest; mostly there is nothing of it, and one pass is enough.
    for (const pass of this.hasBackground ? [1, 0] : [0]) {
      gl.uniform1f(this.uniform('u_pass'), pass);
      gl.drawArrays(gl.POINTS, 0, this.n);
    }
  }

  destroy(): void {
    this.canvas.removeEventListener('webglcontextlost', this.lose);
    this.gl.getExtension('WEBGL_lose_context')?.loseContext();
  }

  private readonly lose = (event: Event) => {
    event.preventDefault();
    this.onLost();
  };

  private uniform(name: string): WebGLUniformLocation | null {
    return this.gl.getUniformLocation(this.program, name);
  }

  private fill(buffer: WebGLBuffer, data: Float32Array | Uint8Array): void {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, data, this.gl.DYNAMIC_DRAW);
  }
}

/** The buffer of an attribute that has `size` numbers a point. */
function attribute(
  gl: WebGL2RenderingContext,
  program: WebGLProgram,
  name: string,
  size: number,
  type: number,
): WebGLBuffer {
  const buffer = gl.createBuffer();
  const place = gl.getAttribLocation(program, name);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, size, type, false, 0, 0);
  return buffer;
}

function link(gl: WebGL2RenderingContext): WebGLProgram | null {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) return null;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}
