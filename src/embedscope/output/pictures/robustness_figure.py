"""What typing the queries differently does to the ranks."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.output.pictures.row_artists import row_axes, write_beside
from embedscope.result import Comparison, Robustness
from embedscope.result.formatting import count, percent_estimate

ALPHA = 0.05

_ROW, _BOTTOM = 0.44, 0.75


@style.look()
def draw_robustness(robustness: Robustness, *, metric: str = "MRR") -> Figure:
    """Change of ``metric`` under each perturbation with its 95 % interval, the largest fall first.

    A filled circle is a change that stays significant after Holm's correction, a hollow one is not told from none.
    At the right: the share of queries whose rank-1 correctness flips, and how many queries the perturbation changes.

    Raises
    ------
    InvalidOptionError
        No perturbation changes a query, or ``metric`` was not compared.
    """
    measured = [(each, change) for each in robustness.effects for change in each.changes if change.metric == metric]
    rows = sorted(measured, key=lambda row: row[1].difference)
    if not rows:
        raise InvalidOptionError(
            f"There is nothing to draw: no perturbation changes a query, or {metric} was not measured under any."
        )
    figure = style.titled_figure(
        11.0,
        _BOTTOM + _ROW * len(rows) + style.header_height(2) + 0.3,
        f"{metric} when the same questions are typed differently",
        f"change on the queries that each perturbation alters, with 95 % interval{style.DOT}"
        f"{count(robustness.n_queries, 'query', 'queries')} in all",
        f"filled: differs from none at {100 * ALPHA:g} % after Holm's correction{style.DOT}"
        "flips: right at rank 1 before and not after, or the other way round",
    )
    names = [style.shown(effect.title) for effect, _ in rows]
    axes = row_axes(figure, names, row=_ROW, bottom=_BOTTOM, right=3.15, longest=2.4)
    for place, (effect, change) in enumerate(rows):
        _draw_change(axes, place, change)
        flips = f"{percent_estimate(effect.flip_rate)} flips"
        moved = f"{len(effect.lost):,} lost, {len(effect.gained):,} gained of {effect.n_changed:,} queries"
        write_beside(axes, place, flips, moved, above=0.15, gid="flip rate")
    axes.xaxis.set_major_formatter(lambda value, _: style.number(value, 3))
    axes.set_xlabel(f"change of {metric} (perturbed minus as written)")
    return figure


def _draw_change(axes: Axes, place: int, change: Comparison) -> None:
    is_significant = change.p_adjusted < ALPHA
    colour = style.INK if not is_significant else style.WRONG if change.difference < 0 else style.RIGHT
    if change.low is not None and change.high is not None:
        ends = (change.low, change.high)
        axes.plot(ends, (place, place), color=colour, linewidth=1.8, zorder=2, gid="interval")
    face, gid = (colour, "told") if is_significant else (style.PAPER, "not told")
    axes.scatter([change.difference], [place], s=44, color=face, edgecolors=colour, linewidths=1.5, zorder=3, gid=gid)
