/** The colours of the style sheet, as numbers for the canvases; they change with the theme. */
import type { Tint } from '../model/colouring';

export type Rgb = [number, number, number];

/**
 * A custom property of the style sheet that holds a colour. The build writes `light-dark()` so that every browser knows
 * it: what is computed is one of the two colours, as #rrggbb.
 */
export function cssColour(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

/** Red, green and blue of #rrggbb or #rgb (a minifier shortens them), each in [0, 1]. */
export function rgb(hex: string): Rgb {
  const digits = hex.replace('#', '');
  const value = Number.parseInt(digits.length === 3 ? digits.replace(/./g, '$&$&') : digits, 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}

export function tintColours(element: Element, tints: Tint[]): Rgb[] {
  return tints.map((tint) => rgb(cssColour(element, `--tint-${tint}`)));
}

/** Calls back when the theme of the document or of the system changes. */
export function onThemeChange(callback: () => void): () => void {
  const query = matchMedia('(prefers-color-scheme: dark)');
  const observer = new MutationObserver(callback);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  query.addEventListener('change', callback);
  return () => {
    observer.disconnect();
    query.removeEventListener('change', callback);
  };
}
