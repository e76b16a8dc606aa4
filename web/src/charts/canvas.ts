/** Points by a plain 2-D canvas: slower than WebGL2, and drawn everywhere. */
import { CORNERS } from '../model/signs';
import type { Rgb } from './palette';
import { DIMMED, FADED, type Frame, MIN_SHAPE_SIZE, OPACITY, type Renderer, ROLE_SIZES } from './renderer';

export function createCanvas(canvas: HTMLCanvasElement, n: number): Renderer {
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  let from = new Float32Array(2 * n);
  let to = from;
  let look = new Uint8Array(4 * n);
  let fills: string[] = [];
  let rim = '';

  const drawPass = (frame: Frame, isBackground: boolean) => {
    const { width, height } = canvas;
    for (let i = 0; i < n; i++) {
      const flags = look[4 * i + 2];
      if ((flags !== 0) !== isBackground) continue;
      const x = from[2 * i] + (to[2 * i] - from[2 * i]) * frame.progress;
      const y = from[2 * i + 1] + (to[2 * i + 1] - from[2 * i + 1]) * frame.progress;
      const px = frame.centreX + x * frame.scale;
      const py = frame.centreY - y * frame.scale;
      const size = Math.max(frame.size * ROLE_SIZES[look[4 * i + 1]], 1.5);
      if (px < -size || py < -size || px > width + size || py > height + size) continue;
      context.globalAlpha = flags & FADED ? OPACITY.faded : flags & DIMMED ? OPACITY.dimmed : OPACITY.full;
      context.fillStyle = fills[look[4 * i]];
      if (size < MIN_SHAPE_SIZE) context.fillRect(px - size / 2, py - size / 2, size, size);
      else shape(context, look[4 * i + 1], px, py, size / 2, rim);
    }
  };

  return {
    kind: 'canvas',
    setPositions(a, b) {
      from = a as Float32Array<ArrayBuffer>;
      to = b as Float32Array<ArrayBuffer>;
    },
    setLook(bytes) {
      look = bytes as Uint8Array<ArrayBuffer>;
    },
    setColours(colours, paper) {
      fills = colours.map(css);
      rim = css(paper);
    },
    draw(frame) {
      context.clearRect(0, 0, canvas.width, canvas.height);
      drawPass(frame, true);
      drawPass(frame, false);
      context.globalAlpha = 1;
    },
    destroy() {},
  };
}

const css = ([r, g, b]: Rgb) => `rgb(${r * 255} ${g * 255} ${b * 255})`;

/** Circle, triangle, cross, square by role, as the shader draws them. */
function shape(context: CanvasRenderingContext2D, role: number, x: number, y: number, r: number, rim: string): void {
  context.beginPath();
  if (role === 0) context.arc(x, y, r, 0, 2 * Math.PI);
  for (const [u, v] of CORNERS[role]) context.lineTo(x + u * r, y + v * r);
  context.closePath();
  context.fill();
  context.lineWidth = 0.7;
  context.strokeStyle = rim;
  context.stroke();
}
