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

/** Diameters of the roles, as a share of a query's. */
export const ROLE_SIZES = [1, 0.95, 0.85, 0.75];
export const OPACITY = { full: 0.9, dimmed: 0.13, faded: 0.1 };
/** Below this diameter a shape cannot be told from a dot. */
export const MIN_SHAPE_SIZE = 6;
/** Diameter of a query, in pixels of the canvas, from which on the signs of all roles can be told from dots. */
export const SIGN_SIZE = MIN_SHAPE_SIZE / Math.min(...ROLE_SIZES) + 0.01;
/** Up to so many points all keep their signs; more would cover one another. */
const MOST_SIGNS = 6000;

/**
 * Diameter of a query among `n` points, in CSS pixels, each of which is `pixels` of the canvas; `side` is the shorter
 * side of the map.
 */
export function diameterOf(n: number, side: number, pixels: number, hasSigns = n <= MOST_SIGNS): number {
  const least = hasSigns ? Math.max(2, SIGN_SIZE / pixels) : 2;
  return Math.max(least, Math.min(12, 36 * n ** -0.2) * Math.min(1, side / 520));
}
