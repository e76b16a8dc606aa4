"""What typing the queries differently does to the ranks."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from embedscope.errors import InvalidOptionError
from embedscope.output.pictures import style
from embedscope.output.pictures.fonts import measure
from embedscope.output.pictures.text_layout import ellipsis
from embedscope.result import Comparison, PerturbationEffect, Robustness
from embedscope.result.formatting import count, percent_estimate

ALPHA = 0.05

_WIDTH, _MARGIN, _RIGHT, _BOTTOM, _ROW = 11.0, 0.45, 3.15, 0.75, 0.44
_MAX_TITLE = 2.4


@style.styled
def draw_robustness(robustness: Robustness, *, metric: str = "MRR") -> Figure:
    """Change of ``metric`` under each perturbation with its 95 % interval, the largest fall first.

    A filled circle is a change that stays significant after Holm's correction, a hollow one is not told from none.
    At the right: the share of queries whose rank-1 correctness flips, and how many queries the perturbation changes.

    Raises
    ------
    InvalidOptionError
        No perturbation changes a query, or ``metric`` was not compared.
    """
    rows = sorted(_measured(robustness, metric), key=lambda row: row[1].difference)
    if not rows:
        raise InvalidOptionError(
            f"There is nothing to draw: no perturbation changes a query, or {metric} was not measured under any."
        )
    height = _BOTTOM + _ROW * len(rows) + style.header_height(2) + 0.3
    figure = style.new_figure(_WIDTH, height)
    style.header(
        figure,
        f"{metric} when the same questions are typed differently",
        f"change on the queries that each perturbation alters, with 95 % interval{style.DOT}"
        f"{count(robustness.n_queries, 'query', 'queries')} in all",
        f"filled: differs from none at {100 * ALPHA:g} % after Holm's correction{style.DOT}"
        "flips: right at rank 1 before and not after, or the other way round",
    )
    names = [ellipsis(style.shown(effect.title), _MAX_TITLE * 72, measure(style.BODY_SIZE)) for effect, _ in rows]
    left = _MARGIN + max(measure(style.BODY_SIZE)(name) for name in names) / 72 + 0.2
    axes = style.axes_at(figure, left, _BOTTOM, _WIDTH - left - _RIGHT, _ROW * len(rows))
    for place, (effect, change) in enumerate(rows):
        _draw_change(axes, place, change)
        _write_row(axes, place, effect)
    _finish(axes, names, metric)
    return figure


def _measured(robustness: Robustness, metric: str) -> list[tuple[PerturbationEffect, Comparison]]:
    return [(effect, change) for effect in robustness.effects for change in effect.changes if change.metric == metric]


def _draw_change(axes: Axes, place: int, change: Comparison) -> None:
    is_significant = change.p_adjusted < ALPHA
    colour = style.INK if not is_significant else style.WRONG if change.difference < 0 else style.RIGHT
    if change.low is not None and change.high is not None:
        (line,) = axes.plot((change.low, change.high), (place, place), color=colour, linewidth=1.8, zorder=2)
        style.mark(line, "interval")
    face = colour if is_significant else style.PAPER
    dot = axes.scatter([change.difference], [place], s=44, color=face, edgecolors=colour, linewidths=1.5, zorder=3)
    style.mark(dot, "told" if is_significant else "not told")


def _write_row(axes: Axes, place: int, effect: PerturbationEffect) -> None:
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    flips = f"{percent_estimate(effect.flip_rate)} flips"
    axes.text(1.03, place - 0.15, flips, transform=beside, va="center", weight="bold",
              fontsize=style.BODY_SIZE, gid="flip rate")  # fmt: skip
    moved = f"{len(effect.lost):,} lost, {len(effect.gained):,} gained of {effect.n_changed:,} queries"
    axes.text(1.03, place + 0.2, moved, transform=beside, va="center", color=style.MUTED, fontsize=7.5)


def _finish(axes: Axes, names: list[str], metric: str) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=style.BODY_SIZE)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    zero = axes.axvline(0, color=style.INK, linewidth=1.2, zorder=1.5)
    style.mark(zero, "zero")
    axes.grid(axis="x")
    axes.xaxis.set_major_formatter(lambda value, _: style.number(value, 3))
    axes.set_xlabel(f"change of {metric} (perturbed minus as written)")
