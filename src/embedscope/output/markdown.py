"""The run in Markdown, short enough for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from embedscope.output.path_rows import change_of, cost_cells, metric_cells, path_name
from embedscope.result import (
    Check,
    Comparison,
    Metric,
    Migration,
    MigrationPath,
    Outcome,
    Result,
    Verdict,
    run_label,
)
from embedscope.result.formatting import interval, number, p_value, queries_of

MARKS = {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.UNDECIDED: "❔", Outcome.NOT_COMPUTABLE: "➖"}
N_REASONS = 6
_MARKUP = frozenset("&\\`*_[]<>|")
_REFERENCES = frozenset("@#!~")
"""What makes a mention or a link to an issue. These are looked for in the finished page, where an escape is undone."""


def markdown_summary(
    result: Result, checks: Sequence[Check], verdict: Verdict, comparisons: Sequence[Comparison]
) -> str:
    """Verdict, reasons, metrics and checklist as GitHub Markdown."""
    data, others = result.data, verdict.reasons[1:N_REASONS]
    lines = [
        f"## embedscope: {verdict.outcome.value}",
        "",
        f"**{_cell(verdict.headline)}**",
        "",
        f"{queries_of(data)}, {data.n_documents:,} documents; "
        f"checkpoint `{_code(run_label(result.model.checkpoint))}`, profile `{_code(verdict.profile)}`.",
        "",
        *(f"- {_cell(reason)}" for reason in others),
        *([""] if others else []),
        "| metric | value | 95 % interval | chance | n-grams | base model |",
        "|---|---:|---:|---:|---:|---:|",
        *(_metric_row(metric) for metric in result.metrics.values()),
        "",
        "| | check | value | 95 % interval | needed |",
        "|---|---|---:|---:|---|",
        *(_check_row(check) for check in checks),
        "",
    ]
    if comparisons:
        lines += ["| compared with | metric | difference | 95 % interval | p (Holm) | better / worse / equal |"]
        lines += ["|---|---|---:|---:|---:|---:|", *(_comparison_row(c) for c in comparisons), ""]
    return "\n".join(lines)


def migration_markdown(found: Migration) -> str:
    """A swap of models as GitHub Markdown: what to do, every path, what it costs."""
    lines = [
        "## embedscope: migration",
        "",
        *(f"- {_cell(sentence)}" for sentence in found.advice),
        "",
        f"OLD `{_code(run_label(found.old.checkpoint))}`, NEW `{_code(run_label(found.new.checkpoint))}`; "
        f"{queries_of(found.data)}, {found.data.n_documents:,} documents; "
        f"cost for {found.cost.n_documents:,} documents.",
        "",
        "| path | MRR | Success@1 | nDCG@10 | MRR - OLD's | MRR - NEW's | texts to encode | vectors | encodings |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(_path_row(path) for path in found.paths),
        "",
    ]
    lines += [f"- {_cell(note)}" for note in found.notes]
    return "\n".join(lines) + "\n" * bool(found.notes)


def _path_row(path: MigrationPath) -> str:
    changes = [change_of(path), change_of(path, from_new=True)]
    return f"| {' | '.join([path_name(path), *metric_cells(path), *changes, *cost_cells(path)])} |"


def _metric_row(metric: Metric) -> str:
    cells = [metric.name, number(metric.value), interval(metric)]
    cells += ["" if value is None else number(value) for value in (metric.chance, metric.lexical, metric.base)]
    return f"| {' | '.join(cells)} |"


def _check_row(check: Check) -> str:
    value = "" if check.value is None else number(check.value)
    title = _cell(check.title) + ("" if check.gating else " (advisory)")
    cells = [MARKS[check.outcome], title, value, interval(check), f"{check.direction} {check.threshold:g}"]
    return f"| {' | '.join(cells)} |"


def _comparison_row(c: Comparison) -> str:
    cells = [f"`{_code(run_label(c.b))}`", c.metric, number(c.difference, sign=True), interval(c)]
    cells += [_cell(p_value(c.p_adjusted)), f"{c.wins} / {c.losses} / {c.ties}"]
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """``text`` as plain words inside a table: no markup, no mention, no line break."""
    return "".join(_escaped(character) for character in " ".join(text.split()))


def _escaped(character: str) -> str:
    if character in _REFERENCES:
        return f"&#{ord(character)};&#8203;"  # a space of no width parts it from the name
    return f"&#{ord(character)};" if character in _MARKUP else character


def _code(text: str) -> str:
    return " ".join(text.replace("`", "'").replace("|", "/").split())
