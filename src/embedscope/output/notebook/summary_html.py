"""Summaries in HTML for the output of a notebook cell, with the page in a frame that can reach nothing.

Every text is escaped. A renderer that takes out frames and styles, as code hosts do, still shows the summary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from embedscope.output.page import html
from embedscope.output.page.html import as_text
from embedscope.output.page.payload import page_payload
from embedscope.output.terminal.summary import METRICS, N_FINDINGS
from embedscope.result import Comparison, Metric, Result, SeveralSets, Verdict, VerdictOutcome, run_label
from embedscope.result.formatting import (
    count,
    difference,
    estimate,
    interval,
    number,
    queries_of,
    sentence,
    with_interval,
)
from embedscope.result.report import report
from embedscope.result.several_sets import SHOWN
from embedscope.units import format_bytes

MOST_PAGE_BYTES = 8_000_000
"""Of a page that goes into a notebook, which keeps it for good."""

SANDBOX = "allow-scripts allow-downloads"
"""What the page may do in its frame: run its script and hand over a file; it has no origin and reaches nothing."""

FRAME_HEIGHT = 720  # pixels

_COLOURS = {
    VerdictOutcome.DEPLOY: "#009e73",
    VerdictOutcome.RETRAIN: "#d55e00",
    VerdictOutcome.UNDECIDED: "#e69f00",
    VerdictOutcome.UNFIT: "#7f7f7f",
}
_CELL = "padding:2px 14px 2px 0; text-align:start"
_LIST = "list-style:decimal; padding-inline-start:1.8em; margin:0.2em 0 0.8em"
_SPACED = "margin:0.8em 0 0.3em"
_N_COMPARISONS = 6


def page_of(result: Result, **sections: Any) -> str:
    """The page of a result; ``sections`` as `page_payload` takes them."""
    return html.render(page_payload(result, **sections), title=html.page_title(report(result)))


def summary_of(result: Result) -> str:
    """The verdict, three figures with their intervals, the three things to do."""
    data = result.data
    metrics = [result.metrics[name] for name in METRICS if name in result.metrics]
    what = f"{run_label(result.model.checkpoint)}: {queries_of(data)}, {count(data.n_documents, 'document')}"
    return "".join([_head(result.verdict), line(what), _figures(metrics), _to_do(result)])


def comparison_summary(result: Result, rows: Sequence[Comparison], names: Mapping[str, str]) -> str:
    """The verdict of a comparison, and its paired differences; ``names`` are labels of the runs."""
    shown = [row for row in rows if row.metric in METRICS][:_N_COMPARISONS]
    cells = [(names.get(row.a, row.a), names.get(row.b, row.b), row.metric, difference(row)) for row in shown]
    head = ("run", "compared with", "metric", "difference [95 % interval]")
    return "".join([_head(result.verdict), table(head, cells), _to_do(result)])


def sets_summary(found: SeveralSets) -> str:
    """The verdict on all sets, each set on a line, and the means over them."""
    rows = [
        (
            each.name,
            f"{each.n_queries:,}",
            with_interval(number(each.metrics[SHOWN].value), each.metrics[SHOWN]),
            each.verdict.outcome.value,
        )
        for each in found.sets
    ]
    rows.append(("mean over the sets", "", estimate(found.macro.metrics[SHOWN]), found.verdict.outcome.value))
    return _head(found.verdict) + table(("set", "queries", f"{SHOWN} [95 % interval]", "verdict"), rows)


def figures_summary(title: str, metrics: Iterable[Metric], notes: Iterable[str] = ()) -> str:
    """Figures of what no verdict was made of, and what to know of them."""
    noted = "".join(f"<p>{as_text(note)}</p>" for note in notes)
    return f"<p><b>{as_text(title)}</b></p>{_figures(metrics)}{noted}"


def why_no_frame(page: str | None) -> str | None:
    """Why a notebook does not show the page; None where it does."""
    if page is None:
        return "There is no page.json in the folder of this run, and the page is drawn from it."
    size = len(page.encode())
    if size > MOST_PAGE_BYTES:
        return (
            f"The page has {format_bytes(size)}, more than the {format_bytes(MOST_PAGE_BYTES)} that go into a "
            f"notebook. Write it with result.save(folder), and open report.html."
        )
    return None


def framed(page: str | None) -> str:
    """The page in its frame; a sentence where there is none, or it is too large."""
    reason = why_no_frame(page)
    if page is None or reason is not None:
        return line(str(reason))
    return (
        f'<iframe srcdoc="{as_text(page)}" sandbox="{SANDBOX}" loading="lazy" title="The report" '
        f'width="100%" height="{FRAME_HEIGHT}" style="border:1px solid #8888; border-radius:4px"></iframe>'
    )


def _head(verdict: Verdict) -> str:
    colour = _COLOURS[verdict.outcome]
    return (
        f'<p style="border-left:6px solid {colour}; padding-left:0.6em; font-size:115%">'
        f"<b>{verdict.outcome.value.capitalize()}</b><br>{as_text(sentence(verdict.headline))}</p>"
    )


def _figures(metrics: Iterable[Metric]) -> str:
    rows = [(each.name, number(each.value), interval(each), number(each.chance)) for each in metrics]
    return table(("metric", "value", "95 % interval", "chance"), rows)


def _to_do(result: Result) -> str:
    """The findings that gain most, and what to do about each."""
    found = result.findings[:N_FINDINGS]
    if not found:
        return ""
    lines = (f'<li dir="auto"><b>{as_text(sentence(each.title))}</b><br>{as_text(each.action)}</li>' for each in found)
    more = f" ({len(found)} of {len(result.findings)})" if len(found) < len(result.findings) else ""
    return line(f"What to do, the greatest gain first{more}:") + f'<ol style="{_LIST}">{"".join(lines)}</ol>'


def line(text: str) -> str:
    """A sentence, escaped, in a paragraph of its own."""
    return f'<p style="{_SPACED}">{as_text(text)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts, which are escaped; nothing without rows."""

    def row_of(tag: str, cells: Sequence[str]) -> str:
        made = (f'<{tag} dir="auto" style="{_CELL}">{as_text(cell)}</{tag}>' for cell in cells)
        return f"<tr>{''.join(made)}</tr>"

    body = "".join(row_of("td", row) for row in rows)
    return f"<table><thead>{row_of('th', head)}</thead><tbody>{body}</tbody></table>" if body else ""
