/** A view of the map as a picture: shapes and words in place, and the SVG that they make. */

import { CORNERS } from './signs';

/** Colours as they are drawn, `#rrggbb`. */
type Colour = string;

export interface Sign {
  x: number;
  y: number;
  radius: number;
  /** 0 circle, 1 triangle, 2 cross, 3 square. */
  role: number;
  fill: Colour;
  opacity: number;
}

export interface Stroke {
  kind: 'link' | 'neighbour';
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  colour: Colour;
  width: number;
  opacity: number;
  dash: number[];
}

export interface Word {
  /** The middle of the text. */
  x: number;
  y: number;
  text: string;
  isFiner: boolean;
}

/** What one map shows, in pixels from its left upper corner. */
export interface Pane {
  title: string;
  width: number;
  height: number;
  /** Closed lines of each area of the contours, x and y in turn. */
  areas: number[][][];
  strokes: Stroke[];
  /** The points as signs, or as a picture (an address that begins with `data:`) where they are too many. */
  points: Sign[] | string;
  rings: { x: number; y: number; radius: number; width: number }[];
  words: Word[];
}

export interface Key {
  label: string;
  n: string;
  role: number;
  fill: Colour;
}

export interface Picture {
  title: string;
  /** Lines under the maps. */
  caption: string[];
  legend: Key[];
  panes: Pane[];
  ink: Colour;
  muted: Colour;
  paper: Colour;
}

/** Points drawn as signs; more are put in as a picture. */
export const MOST_SIGNS = 50_000;
/** Opacity of the tint of each area, which adds up where one lies in another. */
export const TINTED = 0.05;
/** Opacity of the lines around the areas. */
export const LINED = 0.9;
const EDGE = 24;
const HEAD = 56;
const LEGEND = 270;
const LINE = 18;
const PANE_TITLE = 24;

/** Width and height of a picture. */
export function sizeOf({ panes, caption, legend }: Picture): { width: number; height: number } {
  const widths = panes.reduce((sum, pane) => sum + pane.width + EDGE, EDGE);
  const tallest = Math.max(...panes.map(({ height }) => height));
  const body = Math.max(tallest + (panes.length > 1 ? PANE_TITLE : 0), legend.length * 22);
  return { width: widths + LEGEND, height: HEAD + body + caption.length * LINE + 2 * EDGE };
}

/** The picture as an SVG file: shapes as shapes, words as text. */
export function toSvg(picture: Picture): string {
  const { title, caption, legend, panes, ink, muted, paper } = picture;
  const { width, height } = sizeOf(picture);
  const text = (x: number, y: number, size: number, content: string, rest = '') =>
    `<text x="${round(x)}" y="${round(y)}" font-size="${size}" ${rest}>${escaped(content)}</text>`;
  const foot = height - EDGE - (caption.length - 1) * LINE;
  const keys = legend.map(({ label, n, role, fill }, i) => {
    const [x, y] = [width - LEGEND + EDGE / 2, HEAD + 12 + i * 22];
    const words = text(x + 16, y + 4, 13, cut(label, LEGEND - EDGE - 70, 13));
    const number = text(width - EDGE, y + 4, 13, n, `fill="${muted}" text-anchor="end"`);
    return signOf({ x, y, radius: 5.5, role, fill, opacity: 1 }, paper) + words + number;
  });
  let left = EDGE;
  const maps = panes.map((pane, i) => {
    const top = HEAD + (panes.length > 1 ? PANE_TITLE : 0);
    const head =
      panes.length > 1 ? text(left, HEAD + 12, 14, cut(pane.title, pane.width, 14), 'font-weight="600"') : '';
    const map = `${head}<svg x="${round(left)}" y="${top}" width="${round(pane.width)}" height="${round(pane.height)}" overflow="hidden">${paneOf(pane, i, picture)}</svg>`;
    left += pane.width + EDGE;
    return map;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${round(width)}" height="${round(height)}" viewBox="0 0 ${round(width)} ${round(height)}" font-family="system-ui, sans-serif" fill="${ink}">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="${paper}"/>`,
    text(EDGE, 36, 18, cut(title, width - 2 * EDGE, 18), 'font-weight="650"'),
    ...maps,
    ...keys,
    ...caption.map((line, i) => text(EDGE, foot + i * LINE, 12, cut(line, width - 2 * EDGE, 12), `fill="${muted}"`)),
    '</svg>',
  ].join('\n');
}

function paneOf(pane: Pane, place: number, { ink, paper, muted }: Picture): string {
  const { width, height, areas, strokes, points, rings, words } = pane;
  const pathOf = (area: number[][]) => area.map((ring) => `M${ring.map(round).join(' ')}Z`).join('');
  return [
    `<clipPath id="pane${place}"><rect width="${round(width)}" height="${round(height)}"/></clipPath>`,
    `<rect width="${round(width)}" height="${round(height)}" fill="none" stroke="${muted}" stroke-opacity="0.4"/>`,
    `<g clip-path="url(#pane${place})">`,
    ...areas.map((area) => `<path d="${pathOf(area)}" fill="${ink}" fill-opacity="${TINTED}" fill-rule="evenodd"/>`),
    typeof points === 'string'
      ? `<image width="${round(width)}" height="${round(height)}" href="${points}"/>`
      : points.map((sign) => signOf(sign, paper)).join('\n'),
    ...areas.map((area) => `<path d="${pathOf(area)}" fill="none" stroke="${ink}" stroke-opacity="${LINED}"/>`),
    ...strokes.map(
      ({ x1, y1, x2, y2, colour, width: line, opacity, dash }) =>
        `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}" stroke-width="${line}" stroke-opacity="${round(opacity)}"${dash.length > 0 ? ` stroke-dasharray="${dash.join(' ')}"` : ''}/>`,
    ),
    ...rings.map(
      ({ x, y, radius, width: line }) =>
        `<circle cx="${round(x)}" cy="${round(y)}" r="${round(radius)}" fill="none" stroke="${ink}" stroke-width="${line}"/>`,
    ),
    ...words.map(
      ({ x, y, text, isFiner }) =>
        `<text x="${round(x)}" y="${round(y)}" font-size="${isFiner ? 11 : 13}" font-weight="${isFiner ? 450 : 650}" text-anchor="middle" dominant-baseline="central" stroke="${paper}" stroke-width="4" stroke-linejoin="round" paint-order="stroke">${escaped(text)}</text>`,
    ),
    '</g>',
  ].join('\n');
}

/** Circle, triangle, cross, square by role, as on the map. */
function signOf({ x, y, radius: r, role, fill, opacity }: Sign, paper: Colour): string {
  const look = `fill="${fill}"${opacity < 1 ? ` fill-opacity="${opacity}"` : ''} stroke="${paper}" stroke-width="0.7" stroke-opacity="${opacity}"`;
  if (role === 0) return `<circle cx="${round(x)}" cy="${round(y)}" r="${round(r)}" ${look}/>`;
  const corners = CORNERS[role].map(([u, v]) => `${round(x + u * r)} ${round(y + v * r)}`);
  return `<path d="M${corners.join('L')}Z" ${look}/>`;
}

const round = (value: number) => Math.round(value * 100) / 100;

/** A text as XML; what no XML file may hold (controls, half surrogate pairs) becomes a replacement character. */
export function escaped(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML does not allow
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
      .replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
  );
}

/** A text that is at most about so many pixels wide: letters are half as wide as high, and ideographs as wide. */
export function cut(text: string, width: number, size: number): string {
  const letters = Array.from(text);
  let used = 0;
  const end = letters.findIndex((letter) => {
    used += size * ((letter.codePointAt(0) ?? 0) > 0x2e80 ? 1 : 0.58);
    return used > width;
  });
  return end < 0 ? text : `${letters.slice(0, Math.max(0, end - 1)).join('')}…`;
}
