"""The page of benchmarks and its plot, drawn from the results: what the newest run of each script said, and the ratios
of all runs.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from results import HERE, MACHINE, Row, claims_of, newest

DOCS = HERE.parent / "docs"
PLOT = Path("images") / "benchmarks.svg"
FLAME_GRAPHS = HERE / "recorded" / "flame_graphs.json"

INTRODUCTION = """\
# Benchmarks

Written by `make bench`. Every row is measured on the machine below, by a script in `benchmarks/` that runs a peer
beside embedscope: in the same process, or in turns. Times are medians, with the shortest and the longest run. A ratio
is the peer's time over ours, the median over the rounds: above 1 embedscope is faster. The last column shows the
targets that are not met.

Every run is kept in [`results.parquet`](../benchmarks/recorded/results.parquet), and the page is drawn from it.
Measured separately: [the coverage of the intervals](coverage.md),
[the share of planted faults that are found](diagnosis.md#planted-defects),
[how time and memory grow](growth.md), and [how fast the page opens, beside other programs](report.md#size-and-speed).
"""

PARTS = (("bench", "Claims"), ("long", "Runs of many minutes"), ("gpu", "On a GPU"))
"""Kind of a run -> heading of its table."""


def rendered(rows: Sequence[Row], scripts: Mapping[str, Sequence[str]], graphs: Mapping[str, Any] | None = None) -> str:
    """The page, as Markdown.

    Parameters
    ----------
    rows : sequence of rows of `results.SCHEMA`
    scripts : mapping of kind to names
        What is shown, in this order: a script that is gone is on no page, though its results are kept.
    graphs : mapping, optional
        As `flame_graph.py` records them.
    """
    parts = [INTRODUCTION]
    for kind, heading in PARTS:
        found = newest(rows, kind, scripts[kind])
        claims = [claim for each in found.values() for claim in claims_of(each)]
        parts.append(f"## {heading}\n")
        if claims:
            parts += ["\n".join(machines(found)) + "\n", table(claims)]
        if kind == "gpu" and not claims:
            parts.append("Not measured.\n")
        missing = [(name, each[0]["problem"]) for name, each in found.items() if each[0]["problem"]]
        if missing and kind != "gpu":
            parts += [
                "Not measured in this run:\n",
                "\n".join(f"- `{n}.py`: {plain(why)}." for n, why in missing) + "\n",
            ]
        if kind == "bench" and claims:
            parts.append(taken(found))
    parts += ["## Ratios over versions\n", f"![Ratio of each peer's time to ours, run by run]({PLOT.as_posix()})\n"]
    return "\n".join([*parts, *flame_graphs(graphs or {})])


def machines(scripts: Mapping[str, Sequence[Row]]) -> list[str]:
    """A line for each machine and day of these runs; the scripts are named where there are several."""
    where: dict[str, list[str]] = defaultdict(list)
    for name, rows in scripts.items():
        first = rows[0]
        facts = {key: first[key] for key in MACHINE}
        gpu = f", {facts['gpu']}" if facts["gpu"] else ", no GPU"
        where[
            f"{first['measured'][:10]}, embedscope {facts['version']}: {facts['processor']}, {facts['cores']} cores "
            f"visible, {facts['memory_gib']:.0f} GiB of memory{gpu}; {facts['system']}; Python {facts['python']}; "
            f"{facts['packages']}."
        ].append(name)
    if len(where) == 1:
        return [plain(line) for line in where]
    return [f"- {', '.join(f'`{name}`' for name in names)}: {plain(line)}" for line, names in where.items()]


def taken(scripts: Mapping[str, Sequence[Row]]) -> str:
    """How long the scripts took, where that is known."""
    known = {name: rows[0]["script_s"] for name, rows in scripts.items() if rows[0]["script_s"] is not None}
    each = ", ".join(f"`{name}` {taken_s:.0f} s" for name, taken_s in known.items())
    return f"The scripts took {sum(known.values()) / 60:.0f} minutes: {each}.\n"


def flame_graphs(graphs: Mapping[str, Any]) -> list[str]:
    """The section on where the time of ``visualize`` goes, before and after."""
    if not graphs:
        return []
    parts = [
        "## Where the time of `visualize` goes\n",
        "500 queries of the sample data, cached vectors; `benchmarks/flame_graph.py`. Widths are shares of the samples "
        "of all threads that worked.\n",
    ]
    for name, graph in graphs.items():
        shares = ", ".join(f"{label} {share:.0%}" for label, share in graph["shares"][:5])
        parts.append(
            f"**{name.capitalize()}** ({graph['commit_date'][:10]}): {graph['processor_s']:.1f} processor seconds; "
            f"{shares}.\n\n![Flame graph of visualize, {name}](images/visualize-{name}.svg)\n"
        )
    return parts


def table(claims: Sequence[Mapping[str, Any]]) -> str:
    """Times and targets, and under them the notes by claim."""
    lines = [
        "| claim | who | median | low - high | ratio | target | met |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    for claim in claims:
        ours = claim["ours"]
        met = "yes" if claim["met"] else "**no**"
        lines.append(
            f"| {plain(claim['claim'])} | {plain(ours['label'])} | {times(ours)} | 1 | {plain(claim['target'])} "
            f"| {met} |"
        )
        lines += [f"| | {plain(peer['label'])} | {times(peer)} | {peer['ratio']:.2f} | | |" for peer in claim["peers"]]
    notes = [f"- {plain(claim['claim'])}: {plain(claim['note'])}" for claim in claims if claim["note"]]
    return "\n".join([*lines, "", *notes]) + "\n"


def times(timing: Mapping[str, Any]) -> str:
    """``1.23 s | 1.20 - 1.31``: three digits that count."""
    return f"{seconds(timing['median_s'])} s | {seconds(timing['low_s'])} - {seconds(timing['high_s'])}"


def seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def plain(text: str) -> str:
    """``text`` on one line, as a cell of a Markdown table takes it, without folders of this machine."""
    for folder, name in ((str(HERE.parent), "."), (tempfile.gettempdir(), "TMP"), (str(Path.home()), "~")):
        text = text.replace(folder, name)
    return " ".join(text.split()).replace("|", "\\|")


def ratios(rows: Iterable[Row]) -> dict[str, dict[tuple[str, str], dict[str, float]]]:
    """Script -> (claim, peer) -> run -> ratio, of the runs of `make bench`.

    Runs are named as in `run_of`; of several of one name the last counts.
    """
    found: dict[str, dict[tuple[str, str], dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row["kind"] == "bench" and row["claim"] and not row["is_ours"] and row["ratio"] > 0:
            found[row["script"]][row["claim"], row["label"]][run_of(row)] = row["ratio"]
    return found


def run_of(row: Row) -> str:
    """A run on the axis: version, day and processor, for a ratio is another on another processor."""
    processor = re.sub(r"\((R|TM)\)| Processor.*| CPU.*", "", row["processor"])
    return f"{row['version']}\n{row['measured'][:10]}\n{processor}"


def draw(rows: Sequence[Row], file: Path) -> None:
    """Write the plot: a panel a script, a line a peer of a claim, the ratio on a scale of powers of ten."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    found = ratios(rows)
    runs = list(dict.fromkeys(run_of(row) for row in rows if row["kind"] == "bench"))
    # Names stay text, and nothing of the moment is written: the same results give the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "embedscope", "font.size": 7}):
        figure = Figure(figsize=(9, 2.2 * max(1, len(found))), layout="constrained")
        for panel, (script, lines) in zip(
            figure.subplots(max(1, len(found)), squeeze=False)[:, 0], found.items(), strict=False
        ):
            for (claim, peer), by_run in lines.items():
                at = [runs.index(run) for run in by_run]
                panel.plot(at, list(by_run.values()), marker="o", markersize=3, label=f"{shortened(claim)}: {peer}")
            panel.axhline(1, color="0.6", linewidth=0.8)
            panel.set(title=script, yscale="log", ylabel="ratio", xlim=(-0.3, len(runs) - 0.7))
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=6))
            panel.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
            panel.minorticks_off()
            panel.set_xticks(range(len(runs)), runs)
            panel.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def shortened(claim: str, length: int = 48) -> str:
    return claim if len(claim) <= length else claim[: length - 1].rstrip() + "…"


def write(rows: Sequence[Row], scripts: Mapping[str, Sequence[str]], page: Path) -> None:
    """Write the page of `rendered`, and beside it the plot."""
    graphs = json.loads(FLAME_GRAPHS.read_text(encoding="utf-8")) if FLAME_GRAPHS.exists() else {}
    (page.parent / PLOT).parent.mkdir(parents=True, exist_ok=True)
    draw(rows, page.parent / PLOT)
    page.write_text(rendered(rows, scripts, graphs), encoding="utf-8")
