/** What draws the points of a map: WebGL2, or a plain canvas where there is none. */
import type { Rgb } from './palette';

export const DIMMED = 1;
export const FADED = 2;

/** From the frame of the map to pixels of the canvas (y of the map points up). */
export interface Frame {
  /** Pixels for one unit. */
  scale: number;
  centreX: number;
  centreY: number;
  /** Where between the two layouts the points stand, 0 to 1. */
  progress: number;
  /** Diameter of a query, in pixels of the canvas. */
  size: number;
}

/** Arrays are in drawing order: what stands last is drawn on top. */
export interface Renderer {
  kind: 'webgl' | 'canvas';
  setPositions(from: Float32Array, to: Float32Array): void;
  /** Four bytes a point: category, role, flags, nothing. */
  setLook(look: Uint8Array): void;
  setColours(colours: Rgb[], paper: Rgb): void;
  draw(frame: Frame): void;
  destroy(): void;
}

/** Diameter of a query among `n` points, in CSS pixels. */
export const diameterOf = (n: number) => Math.max(2, Math.min(12, 36 * n ** -0.2));

/** Diameters of the roles, as a share of a query's. */
export const ROLE_SIZES = [1, 0.95, 0.85, 0.75];
export const OPACITY = { full: 0.9, dimmed: 0.13, faded: 0.1 };
/** Below this diameter a shape cannot be told from a dot. */
export const MIN_SHAPE_SIZE = 6;
