"""The page of `growth.py`: a row for each series, and a plot of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embedscope.units import format_bytes, format_count

if TYPE_CHECKING:
    from growth import Grown

INTRODUCTION = """\
# Growth

How the time and the memory of every command grow. Written by `python benchmarks/growth.py --page docs/growth.md`: made
texts of 11 words, vectors of 64 numbers, each command in a process of its own. Times are processor seconds of all its
threads and children; memory is the highest that is resident. A series goes on while its limit allows.

The exponent p is that of `a + b n^p`, fitted over the upper two decades by least squares of the relative errors, where
a, b >= 0 and `a` is what does not grow: start, imports, the side that is fixed. 0 means that the largest size costs
less than 1.5 times the smallest. n log n counts as kept up to 1.2: it has itself an exponent of 1.07 to 1.15 here.
*Too few sizes*: fewer than four fitted into the limit, or the largest is the first to cost more than the smallest.
"""


def write_page(file: Path, series: Sequence[Grown], machine: Sequence[str]) -> None:
    """The Markdown page, and ``images/growth.svg`` beside it."""
    picture = file.parent / "images" / "growth.svg"
    picture.parent.mkdir(exist_ok=True)
    draw(picture, series)
    alternative = "Processor seconds and peak memory of each command over documents, queries and rows"
    parts = [
        INTRODUCTION,
        f"![{alternative}](images/growth.svg)\n",
        table(series),
        "## The page\n",
        pages(series),
        "## The machine\n",
        "\n".join(machine) + "\n",
    ]
    file.write_text("\n".join(parts), encoding="utf-8")


def table(series: Sequence[Grown]) -> str:
    """A row for each series: its largest run, and its exponents beside the promised one."""
    lines = [
        "| command | grows | from - to | largest run | peak memory | p of time | p of memory | promised | kept |",
        "|---|---|---|---:|---:|---:|---:|---|---|",
    ]
    for one in series:
        first, last = one.runs[0], one.runs[-1]
        other = "queries" if one.grows == "documents" else "documents"
        grows = one.grows if not one.fixed else f"{one.grows}, {one.fixed:,} {other}"
        promised = "bounded" if one.promised == 0 else "n log n"
        cells = [
            f"`{one.command}`" if " " not in one.command else one.command,
            grows,
            f"{format_count(first.n)} - {format_count(last.n)}",
            f"{last.processor_s:.1f} s",
            format_bytes(last.peak_bytes),
            fitted(one.time_exponent),
            fitted(one.memory_exponent),
            promised,
            kept(one),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def fitted(value: float | None) -> str:
    """An exponent in a cell."""
    return "too few sizes" if value is None else f"{value:.2f}"


def kept(one: Grown) -> str:
    """Whether the promise is kept; nothing is said without an exponent."""
    if one.time_exponent is None:
        return ""
    return "yes" if one.is_met else "**no**"


def pages(series: Sequence[Grown]) -> str:
    """Sizes of ``report.html`` and of the tables, by command and size."""
    lines = ["| command | size | page | Parquet |", "|---|---:|---:|---:|"]
    for one in series:
        if one.grows == "queries" and one.runs[-1].page_bytes:
            for run in one.runs[:: max(1, len(one.runs) // 3)]:
                size = f"{run.n:,} {one.grows}"
                lines.append(
                    f"| {one.command} | {size} | {format_bytes(run.page_bytes)} | {format_bytes(run.parquet_bytes)} |"
                )
    return "\n".join(lines) + "\n"


def draw(file: Path, series: Sequence[Grown]) -> None:
    """Time above and memory below, a column for each side that grows, on logarithmic axes, as SVG."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    sides = [side for side in ("documents", "queries", "rows") if any(one.grows == side for one in series)]
    commands = list(dict.fromkeys(one.command for one in series))
    figure = Figure(figsize=(3.6 * len(sides) + 1.6, 6), layout="constrained")
    axes = figure.subplots(2, len(sides), squeeze=False, sharey="row", sharex="col")
    for one in series:
        place = commands.index(one.command)
        line = {"color": f"C{place % 10}", "linestyle": "-" if place < 10 else "--"}
        for row, costs in ((0, [r.processor_s for r in one.runs]), (1, [r.peak_bytes / 1e6 for r in one.runs])):
            axes[row][sides.index(one.grows)].loglog(
                [run.n for run in one.runs], costs, marker=".", label=one.command, **line
            )
    for column, side in enumerate(sides):
        axes[1][column].set_xlabel(side)
        for row in (0, 1):
            axes[row][column].grid(alpha=0.3)
    axes[0][0].set_ylabel("processor seconds")
    axes[1][0].set_ylabel("peak memory, MB")
    lines = {line.get_label(): line for own in axes[0] for line in own.get_lines()}
    figure.legend(lines.values(), lines.keys(), loc="outside right upper", frameon=False)
    with rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
