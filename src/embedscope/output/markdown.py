"""The run in Markdown, short enough for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from embedscope.result import Check, Comparison, Metric, Outcome, Result, SetResult, SeveralSets, Verdict, run_label
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
    data, others = result.data, verdict.reasons[1:N_REASONS]
    lexical = result.lexical_columns
    lines = [
        *_head(verdict),
        f"{queries_of(data)}, {data.n_documents:,} documents; "
        f"checkpoint `{_code(run_label(result.model.checkpoint))}`, profile `{_code(verdict.profile)}`.",
        "",
        *(f"- {_cell(reason)}" for reason in others),
        *([""] if others else []),
        f"| metric | value | 95 % interval | chance | {' | '.join(lexical)} | base model |",
        f"|---|---:|---:|---:|{'---:|' * len(lexical)}---:|",
        *(_metric_row(metric, lexical) for metric in result.metrics.values()),
        "",
        "| | check | value | 95 % interval | needed |",
        "|---|---|---:|---:|---|",
        *(_check_row(check) for check in checks),
        "",
    ]
    if comparisons:
        lines += ["| compared with | metric | difference | 95 % interval | p (Holm) | better / worse / equal |"]
        lines += [
            "|---|---|---:|---:|---:|---:|",
            *(_comparison_row(c, result.baseline_names) for c in comparisons),
            "",
        ]
    return "\n".join(lines)


def markdown_of_sets(found: SeveralSets) -> str:
    """Verdict, reasons, a table of the sets and the means over them as GitHub Markdown."""
    others = found.verdict.reasons[1:N_REASONS]
    against = "" if found.reference is None else f", compared with `{_code(run_label(found.reference))}`"
    means = found.macro.metrics.items()
    lines = [
        *_head(found.verdict),
        f"{len(found.sets)} sets; checkpoint `{_code(run_label(found.checkpoint))}`{against}, profile "
        f"`{_code(found.verdict.profile)}`.",
        "",
        *(f"- {_cell(reason)}" for reason in others),
        *([""] if others else []),
        f"| set | queries | {SHOWN} | 95 % interval | difference | 95 % interval | p (Holm) | verdict |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
        *(_set_row(each, found.deciding(each.comparisons)) for each in found.sets),
        "",
        "| mean over the sets | value | 95 % interval | lexical |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {number(mean.value)} | {interval(mean)} | {number(found.macro.lexical.get(name))} |"
            for name, mean in means
        ),
        "",
    ]
    if found.macro.comparisons:
        lines += ["| mean difference to | metric | difference | 95 % interval | p (Holm) | better / worse / equal |"]
        lines += ["|---|---|---:|---:|---:|---:|", *(_comparison_row(c, {}) for c in found.macro.comparisons), ""]
    return "\n".join(lines)


def _head(verdict: Verdict) -> list[str]:
    return [f"## embedscope: {verdict.outcome.value}", "", f"**{_cell(verdict.headline)}**", ""]


def _set_row(each: SetResult, own: Comparison | None) -> str:
    score = each.metrics.get(SHOWN)
    cells = [_cell(each.name), f"{each.n_queries:,}"]
    cells += ["", ""] if score is None else [number(score.value), interval(score)]
    cells += (
        ["", "", ""]
        if own is None
        else [number(own.difference, sign=True), interval(own), _cell(p_value(own.p_adjusted))]
    )
    return f"| {' | '.join([*cells, each.verdict.outcome.value])} |"


def _metric_row(metric: Metric, lexical: Mapping[str, Mapping[str, float | None]]) -> str:
    cells = [metric.name, number(metric.value), interval(metric)]
    baselines = [metric.chance, *(values.get(metric.name) for values in lexical.values()), metric.base]
    cells += ["" if value is None else number(value) for value in baselines]
    return f"| {' | '.join(cells)} |"


def _check_row(check: Check) -> str:
    value = "" if check.value is None else number(check.value)
    title = _cell(check.title) + ("" if check.gating else " (advisory)")
    cells = [MARKS[check.outcome], title, value, interval(check), f"{check.direction} {check.threshold:g}"]
    return f"| {' | '.join(cells)} |"


def _comparison_row(c: Comparison, names: Mapping[str, str]) -> str:
    cells = [f"`{_code(names.get(c.b) or run_label(c.b))}`", c.metric, number(c.difference, sign=True), interval(c)]
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
