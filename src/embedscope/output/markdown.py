"""The run in Markdown, short enough for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from embedscope.output.path_rows import change_of, cost_cells, metric_cells, path_name
from embedscope.result import (
    Check,
    Comparison,
    Metric,
    Migration,
    MigrationPath,
    Outcome,
    Result,
    SetResult,
    SeveralSets,
    Verdict,
    run_label,
    run_labels,
)
from embedscope.result.formatting import interval, number, p_value, queries_of
from embedscope.result.several_sets import SHOWN

MARKS = {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.UNDECIDED: "❔", Outcome.NOT_COMPUTABLE: "➖"}
N_REASONS = 6
_MARKUP = frozenset("&\\`*_[]<>|")
_REFERENCES = frozenset("@#!~")
"""What makes a mention or a link to an issue. These are looked for in the finished page, where an escape is undone."""


def markdown_summary(
    result: Result, checks: Sequence[Check], verdict: Verdict, comparisons: Sequence[Comparison]
) -> str:
    """Verdict, reasons, metrics and checklist as GitHub Markdown."""
    data = result.data
    lines = [
        *_head(verdict),
        f"{queries_of(data)}, {data.n_documents:,} documents; "
        f"checkpoint `{code(run_label(result.model.checkpoint))}`, profile `{code(verdict.profile)}`.",
        "",
        *other_reasons(verdict),
        *metric_table(result),
        "",
        "| | check | value | 95 % interval | needed |",
        "|---|---|---:|---:|---|",
        *(_check_row(check) for check in checks),
        "",
    ]
    if comparisons:
        lines += [*comparison_table("compared with", comparisons, result.baseline_names), ""]
    return "\n".join(lines)


def markdown_of_sets(found: SeveralSets) -> str:
    """Verdict, reasons, a table of the sets and the means over them as GitHub Markdown."""
    against = "" if found.reference is None else f", compared with `{code(run_label(found.reference))}`"
    lines = [
        *_head(found.verdict),
        f"{len(found.sets)} sets; checkpoint `{code(run_label(found.checkpoint))}`{against}, profile "
        f"`{code(found.verdict.profile)}`.",
        "",
        *other_reasons(found.verdict),
        *set_tables(found),
    ]
    return "\n".join(lines)


def set_tables(found: SeveralSets) -> list[str]:
    """Each set, the means over them, and the mean differences to the reference."""
    lines = [
        f"| set | queries | {SHOWN} | 95 % interval | difference | 95 % interval | p (Holm) | verdict |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
        *(_set_row(each, found.deciding(each.comparisons)) for each in found.sets),
        "",
        "| mean over the sets | value | 95 % interval | lexical |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {number(mean.value)} | {interval(mean)} | {number(found.macro.lexical.get(name))} |"
            for name, mean in found.macro.metrics.items()
        ),
        "",
    ]
    if found.macro.comparisons:
        lines += [*comparison_table("mean difference to", found.macro.comparisons, {}), ""]
    return lines


def metric_table(result: Result) -> list[str]:
    """Every rank metric with its interval, beside what no model would reach."""
    lexical = result.lexical_columns
    return [
        f"| metric | value | 95 % interval | chance | {' | '.join(lexical)} | base model |",
        f"|---|---:|---:|---:|{'---:|' * len(lexical)}---:|",
        *(_metric_row(metric, lexical) for metric in result.metrics.values()),
    ]


def other_reasons(verdict: Verdict) -> list[str]:
    """The reasons after the headline as a list, and an empty line after it."""
    reasons = [f"- {cell(reason)}" for reason in verdict.reasons[1:N_REASONS]]
    return [*reasons, ""] if reasons else []


def _head(verdict: Verdict) -> list[str]:
    return [f"## embedscope: {verdict.outcome.value}", "", f"**{cell(verdict.headline)}**", ""]


def _set_row(each: SetResult, own: Comparison | None) -> str:
    score = each.metrics.get(SHOWN)
    cells = [cell(each.name), f"{each.n_queries:,}"]
    cells += ["", ""] if score is None else [number(score.value), interval(score)]
    cells += (
        ["", "", ""]
        if own is None
        else [number(own.difference, sign=True), interval(own), cell(p_value(own.p_adjusted))]
    )
    return f"| {' | '.join([*cells, each.verdict.outcome.value])} |"


def migration_markdown(found: Migration) -> str:
    """A swap of models as GitHub Markdown: what to do, every path, what it costs."""
    lines = [
        "## embedscope: migration",
        "",
        *(f"- {cell(sentence)}" for sentence in found.advice),
        "",
        f"OLD `{code(run_label(found.old.checkpoint))}`, NEW `{code(run_label(found.new.checkpoint))}`; "
        f"{queries_of(found.data)}, {found.data.n_documents:,} documents; "
        f"cost for {found.cost.n_documents:,} documents.",
        "",
        "| path | MRR | Success@1 | nDCG@10 | MRR - OLD's | MRR - NEW's | texts to encode | vectors | encodings |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(_path_row(path) for path in found.paths),
        "",
    ]
    absent = dict.fromkeys(f"not measured: {path.reason}" for path in found.paths if path.reason is not None)
    notes = [f"- {cell(note)}" for note in (*absent, *found.notes)]
    return "\n".join([*lines, *notes]) + "\n" * bool(notes)


def _path_row(path: MigrationPath) -> str:
    changes = [change_of(path), change_of(path, from_new=True)]
    return f"| {' | '.join([path_name(path), *metric_cells(path), *changes, *cost_cells(path)])} |"


def _metric_row(metric: Metric, lexical: Mapping[str, Mapping[str, float | None]]) -> str:
    cells = [metric.name, number(metric.value), interval(metric)]
    baselines = [metric.chance, *(values.get(metric.name) for values in lexical.values()), metric.base]
    cells += ["" if value is None else number(value) for value in baselines]
    return f"| {' | '.join(cells)} |"


def _check_row(check: Check) -> str:
    value = "" if check.value is None else number(check.value)
    title = cell(check.title) + ("" if check.gating else " (advisory)")
    cells = [MARKS[check.outcome], title, value, interval(check), f"{check.direction} {check.threshold:g}"]
    return f"| {' | '.join(cells)} |"


def comparison_table(to: str, comparisons: Sequence[Comparison], names: Mapping[str, str]) -> list[str]:
    """Paired differences, with a column of what is compared where that is several runs."""
    runs = run_labels(c.a for c in comparisons)
    first = ["| run ", "|---"] if len(runs) > 1 else ["", ""]
    return [
        f"{first[0]}| {to} | metric | difference | 95 % interval | p (Holm) | better / worse / equal |",
        f"{first[1]}|---|---|---:|---:|---:|---:|",
        *(_comparison_row(c, names, [runs[c.a]] if len(runs) > 1 else []) for c in comparisons),
    ]


def _comparison_row(c: Comparison, names: Mapping[str, str], run: Sequence[str]) -> str:
    cells = [f"`{code(name)}`" for name in (*run, names.get(c.b) or run_label(c.b))]
    cells += [c.metric, number(c.difference, sign=True), interval(c)]
    cells += [cell(p_value(c.p_adjusted)), f"{c.wins} / {c.losses} / {c.ties}"]
    return f"| {' | '.join(cells)} |"


def cell(text: str) -> str:
    """``text`` as plain words inside a table: no markup, no mention, no line break."""
    return "".join(_escaped(character) for character in " ".join(text.split()))


def _escaped(character: str) -> str:
    if character in _REFERENCES:
        return f"&#{ord(character)};&#8203;"  # a space of no width parts it from the name
    return f"&#{ord(character)};" if character in _MARKUP else character


def code(text: str) -> str:
    """``text`` as it stands between backticks; it begins no comment, so that no name is a mark of ours."""
    return " ".join(text.replace("`", "'").replace("|", "/").replace("<!--", "<! --").split())
