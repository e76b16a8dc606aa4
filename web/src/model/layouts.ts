/** Where the points of a page may stand: on its maps, and on those of the other checkpoints or runs of a timeline. */
import type { Page } from '../contract';
import { apart } from './format';
import { framed } from './plane';

export interface Layout {
  /** The name of the map, which is that of its method. */
  method: string;
  /** The checkpoint or run whose map it is, by its place in the timeline; null for the page's own. */
  epoch: number | null;
  /** Positions in [-1, 1], x and y in turn. */
  readonly xy: Float32Array;
}

const known = new WeakMap<Page, Layout[]>();

/** The maps of the page, in their order, and then those of the rest of its timeline. */
export function layoutsOf(page: Page): Layout[] {
  const found = known.get(page) ?? listed(page);
  known.set(page, found);
  return found;
}

function listed({ points, timeline }: Page): Layout[] {
  if (!points) return [];
  const own = points.maps.map(({ name, xy }) => layout(name, null, xy));
  const others = (timeline?.animations ?? []).flatMap(({ name, frames }) =>
    frames.map((xy, epoch) => layout(name, epoch, xy)).filter(({ epoch }) => epoch !== timeline?.shown),
  );
  return [...own, ...others];
}

/** A layout that is framed when it is first asked for. */
function layout(method: string, epoch: number | null, raw: Float32Array): Layout {
  let xy: Float32Array | null = null;
  return {
    method,
    epoch,
    get xy() {
      xy ??= framed(raw);
      return xy;
    },
  };
}

/** Whose map a layout is, where the page has several: `epoch 3`, or the name of the run; else nothing. */
export function ownerOf({ timeline }: Page, { epoch }: Layout): string {
  if (!timeline) return '';
  const place = epoch ?? timeline.shown;
  return timeline.unit === 'epoch' ? `epoch ${timeline.epochs[place]}` : apart(timeline.labels, 24)[place];
}
