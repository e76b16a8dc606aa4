"""What a person sees while a command runs and when it is done. Progress goes to stderr, results to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from embedscope.findings import (
    BestOfMany,
    Check,
    Comparison,
    DataFacts,
    Example,
    Figure,
    Findings,
    Leakage,
    LevelShift,
    Metric,
    ModelFacts,
    Outcome,
    QueryTable,
    TypeChange,
    Verdict,
    VerdictOutcome,
    run_label,
)
from embedscope.protocols import IntArray, ProgressCallback
from embedscope.verdict import band, percent

MARKS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.UNDECIDED: "?", Outcome.NOT_COMPUTABLE: "–"}
OUTCOME_STYLES = {
    Outcome.PASS: "green",
    Outcome.FAIL: "red",
    Outcome.UNDECIDED: "yellow",
    Outcome.NOT_COMPUTABLE: "dim",
}
VERDICT_STYLES = {
    VerdictOutcome.DEPLOY: "bold green",
    VerdictOutcome.RETRAIN: "bold red",
    VerdictOutcome.UNDECIDED: "bold yellow",
    VerdictOutcome.UNFIT: "bold magenta",
}
BASELINE_NAMES = {"lexical": "character n-grams", "base": "base model without head"}

N_REASONS = 8
"""Reasons printed; the rest stand in report.json."""


class Terminal:
    """Prints steps, progress, tables and the verdict; ``quiet`` silences all but errors."""

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.results_are_json = json
        self._notes = Console(stderr=True, quiet=quiet, highlight=False)
        self._results = Console(quiet=quiet or json, highlight=False)

    def step(self, text: str) -> None:
        """One line that says what has been done."""
        self._notes.print(escape(text))

    def warn(self, text: str) -> None:
        """One line that a person should not miss."""
        self._notes.print(Text.assemble(("Note: ", "yellow"), text))

    @contextmanager
    def progress(self, title: str, *, unit: str) -> Iterator[ProgressCallback]:
        """A progress bar with rate and time left while the block runs; yields the callback that moves it."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._notes, transient=True, disable=self.quiet) as bar:
            task = bar.add_task(title, total=None, rate="")

            def advance(done: int, total: int, message: str | None = None) -> None:
                if message is not None:
                    bar.console.print(escape(message))
                speed = bar.tasks[0].speed
                bar.update(task, completed=done, total=total, rate=f"{speed:,.0f} {unit}/s" if speed else "")

            yield advance

    def data(self, facts: DataFacts) -> None:
        """What the data set holds."""
        shown = f"{facts.n_queries:,} queries"
        if facts.n_queries < facts.n_queries_available:
            shown = f"{facts.n_queries:,} of {facts.n_queries_available:,} queries (seeded random sample)"
        self.step(
            f"Data: {facts.format}, {facts.n_rows:,} rows -> {shown} in {facts.n_clusters:,} independent groups, "
            f"{facts.n_documents:,} documents ({facts.n_relevant_documents:,} relevant, "
            f"{facts.n_hard_negatives:,} hard-negative pairs)"
        )
        if facts.n_duplicate_queries or facts.n_duplicate_documents:
            self.step(
                f"      equal texts merged: {facts.n_duplicate_queries:,} queries, "
                f"{facts.n_duplicate_documents:,} documents"
            )
        for warning in facts.warnings:
            self.warn(warning)
        if facts.contradictions:
            self.warn(
                f"{len(facts.contradictions):,} contradictions: a text is labelled relevant and negative for the same "
                f"query; it is counted as relevant. First: {facts.contradictions[0]}"
            )

    def model(self, facts: ModelFacts) -> None:
        """What produced the vectors."""
        parts = [facts.layout, f"{facts.dim} dimensions"]
        if facts.base_model:
            parts.append(f"base {facts.base_model}")
        if facts.pooling:
            parts.append(f"pooling {facts.pooling} ({facts.pooling_source})")
        if facts.device:
            parts.append(f"{facts.device} {facts.dtype or ''}".strip())
        self.step(f"Model: {facts.checkpoint}: " + ", ".join(parts))
        for note in facts.notes:
            self.warn(note)

    def report(self, findings: Findings, checks: Sequence[Check], verdict: Verdict) -> None:
        """Statistics, metrics, typed negatives, checklist, verdict."""
        self._similarity(findings)
        self._metrics(findings)
        self._negative_types(findings)
        self._leakage(findings.leakage)
        self._checklist(checks)
        self.verdict(verdict)

    def _similarity(self, findings: Findings) -> None:
        s = findings.similarity
        lines = [
            ("Positive", f"{s.positive.mean:.4f} ± {s.positive.std:.4f}   ({s.positive.n:,} pairs)"),
            ("Negative", f"{s.negative.mean:.4f} ± {s.negative.std:.4f}   ({s.negative.n:,} pairs)"),
        ]
        if s.hard_negative is not None:
            hard = s.hard_negative
            lines.append(("Hard negative", f"{hard.mean:.4f} ± {hard.std:.4f}   ({hard.n:,} pairs)"))
        lines += [
            ("Margin", _rated("margin", s.margin)),
            ("Separation", _rated("separation", s.separation, unit="σ")),
            ("AUC", _figure(s.auc)),
            ("Overlap", _figure(s.overlap)),
        ]
        self._results.print("\nSimilarity statistics", style="bold")
        for name, text in lines:
            self._results.print(f"  {name + ':':<15}{text}")

    def _metrics(self, findings: Findings) -> None:
        metrics = findings.metrics
        known = {name: any(getattr(m, name) is not None for m in metrics.values()) for name in ("lexical", "base")}
        table = Table(
            title=f"Ranking of {findings.data.n_documents:,} documents for {findings.data.n_queries:,} queries",
            title_justify="left",
            title_style="bold",
            box=None,
            pad_edge=False,
            padding=(0, 3, 0, 0),
        )
        headers = ["  metric", "value", "95 % interval", "chance"]
        headers += [label for name, label in (("lexical", "n-grams"), ("base", "base model")) if known[name]]
        headers += list(findings.references)
        for header in headers:
            table.add_column(header, justify="left" if header == "  metric" else "right")
        for name, metric in metrics.items():
            cells = [f"  {name}", f"{metric.value:.4f}", _interval(metric), _optional(metric.chance)]
            cells += [_optional(getattr(metric, key)) for key in ("lexical", "base") if known[key]]
            cells += [_optional(values.get(name)) for values in findings.references.values()]
            table.add_row(*cells)
        self._results.print()
        self._results.print(table)
        for metric in metrics.values():
            for warning in metric.warnings:
                self.warn(f"{metric.name}: {warning}")
        if "MRR" in metrics:
            self._results.print(f"  MRR is {band('MRR', metrics['MRR'].value)} on the rated bands", style="dim")
        for comparison in findings.comparisons:
            self._results.print(f"  {escape(comparison_sentence(comparison))}")

    def _negative_types(self, findings: Findings) -> None:
        if not findings.negative_types:
            return
        self._results.print("\nHard negatives that score at or above the positive", style="bold")
        width = max(len(name) for name in findings.negative_types) + 2
        ordered = sorted(findings.negative_types.values(), key=lambda t: -(t.violation_rate.value or 0))
        for negative in ordered:
            rate, margin = negative.violation_rate, negative.margin
            interval = (
                "" if rate.low is None or rate.high is None else f" [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"
            )
            self._results.print(
                f"  {escape(negative.name):<{width}} {100 * (rate.value or 0):5.1f} %{interval}  "
                f"of {negative.n:,}; mean margin {(margin.value or 0):+.4f}"
            )
        for sentence in weight_sentences(findings.weights):
            self._results.print(f"  {sentence}")

    def _leakage(self, leakage: Leakage | None) -> None:
        if leakage is None:
            return
        self._results.print(f"\nOverlap with the training file {escape(leakage.train)}", style="bold")
        for name, counts, total in (
            ("queries", leakage.queries, leakage.n_queries),
            ("positives", leakage.positives, leakage.n_positives),
        ):
            found = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
            self._results.print(f"  {name}: {found} of {total:,}")

    def _checklist(self, checks: Sequence[Check]) -> None:
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), title="Checklist", title_justify="left")
        table.title_style = "bold"
        for header in ("  ", "check", "value", "95 % interval", "needed", "outcome"):
            table.add_column(header, justify="right" if header in ("value", "95 % interval") else "left")
        for check in checks:
            style = OUTCOME_STYLES[check.outcome]
            table.add_row(
                Text("  " + MARKS[check.outcome], style=style),
                escape(check.title) + ("" if check.gating else " (advisory)"),
                _optional(check.value),
                _interval(check),
                f"{check.direction} {check.threshold:g}",
                Text(check.outcome.value, style=style),
            )
        self._results.print()
        self._results.print(table)

    def verdict(self, verdict: Verdict) -> None:
        """The word, the sentence that says why, the other reasons."""
        self._results.print()
        style = VERDICT_STYLES[verdict.outcome]
        self._results.print(Text.assemble("Verdict: ", (verdict.outcome.value.upper(), style), f" ({verdict.profile})"))
        for reason in verdict.reasons[:N_REASONS]:
            self._results.print(f"  - {escape(reason)}")
        if len(verdict.reasons) > N_REASONS:
            self._results.print(f"  ... and {len(verdict.reasons) - N_REASONS} more in report.json")

    def examples(self, findings: Findings) -> None:
        """Each example with its positives and hard negatives, scores and margin."""
        for example in findings.examples:
            self._example(example, findings)

    def _example(self, example: Example, findings: Findings) -> None:
        q, row = findings.queries, example.query
        texts = findings.documents.texts
        self._results.print()
        rank = f"rank of the first relevant: {q.rank[row]:g}"
        self._results.print(Text.assemble((example.kind.value.capitalize(), "bold"), f", {rank}"))
        self._results.print(f"  {escape(shorten(q.texts[row], 110))}")
        own = slice(q.relevant_indptr[row], q.relevant_indptr[row + 1])
        for document, score in zip(q.relevant_documents[own], q.relevant_scores[own], strict=True):
            self._results.print(Text.assemble(("  ✓ ", "green"), f"{score:.4f}  {shorten(texts[document], 100)}"))
        own = slice(q.negative_indptr[row], q.negative_indptr[row + 1])
        for place in range(own.start, own.stop):
            kinds = " + ".join(q.negative_types[place])
            label = f" ({kinds})" if kinds else ""
            text = shorten(texts[q.negative_documents[place]], 100)
            self._results.print(Text.assemble(("  ✗ ", "red"), f"{q.negative_scores[place]:.4f}  {text}{label}"))
        if q.margin[row] == q.margin[row]:
            self._results.print(f"  margin to the best hard negative: {q.margin[row]:+.4f}")

    def metric_table(self, runs: Mapping[str, Findings]) -> None:
        """Metrics of several runs side by side."""
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), title="Metrics", title_justify="left")
        table.title_style = "bold"
        table.add_column("  metric")
        for number, name in enumerate(runs, start=1):
            table.add_column(f"({number}) {escape(run_label(name))}", justify="right")
        for metric in next(iter(runs.values())).metrics:
            cells = [f"{run.metrics[metric].value:.4f} {_interval(run.metrics[metric])}" for run in runs.values()]
            table.add_row(f"  {metric}", *cells)
        self._results.print()
        self._results.print(table)

    def type_changes(self, changes: Sequence[TypeChange]) -> None:
        """How the violation rate of each negative type changed."""
        if not changes:
            return
        self._results.print("\nChange of the violation rate by type of hard negative", style="bold")
        for change in changes:
            value = 0.0 if change.change.value is None else 100 * change.change.value
            ends = change.change
            interval = (
                "" if ends.low is None or ends.high is None else f" [{100 * ends.low:+.1f}, {100 * ends.high:+.1f}]"
            )
            self._results.print(
                f"  {escape(run_label(change.candidate))}, {escape(change.type)}: {value:+.1f} points{interval} "
                f"of {change.n:,}"
            )

    def level_shift(self, shift: LevelShift) -> None:
        """Whether the level of the similarities moved, told apart from the ranking."""
        parts = [f"positive {shift.positive:+.4f}", f"negative {shift.negative:+.4f}"]
        parts += [f"separation {shift.separation:+.4f}"] if shift.separation is not None else []
        parts += [f"AUC {shift.auc:+.4f}"] if shift.auc is not None else []
        self._results.print(
            f"\nSimilarity of {escape(run_label(shift.candidate))}: {', '.join(parts)} (levels move with the "
            f"temperature of the training; the ranking metrics above do not)"
        )

    def moved(self, word: str, name: str, rows: IntArray, n: int, before: QueryTable, after: QueryTable) -> None:
        """Queries that were lost or gained at rank 1, the largest moves first."""
        self._results.print(f"\n{n:,} queries {word} at rank 1 by {escape(run_label(name))}", style="bold")
        for row in rows:
            ranks = f"rank {before.rank[row]:g} -> {after.rank[row]:g}"
            self._results.print(f"  {ranks:<18} {escape(shorten(before.texts[row], 100))}")

    def best_of_many(self, best: BestOfMany | None) -> None:
        """What the choice of the best among several costs in certainty."""
        if best is not None:
            self._results.print(
                f"\nBest of {best.n_candidates}: {escape(run_label(best.best))}, {best.metric} "
                f"{best.difference:+.4f}, p = {best.p_adjusted:.4f} after paying for the choice (max-T)"
            )

    def comparisons(self, comparisons: Sequence[Comparison]) -> None:
        """One sentence a paired comparison."""
        self._results.print()
        for comparison in comparisons:
            self._results.print(escape(comparison_sentence(comparison)))

    def print(self, text: str, *, style: str | None = None) -> None:
        """A line of the result."""
        self._results.print(escape(text), style=style)

    def files(self, folder: Path, names: Sequence[str]) -> None:
        """Where the results are."""
        self._results.print(f"\nWritten to {escape(str(folder))}/", style="bold")
        for name in names:
            self._results.print(f"  {escape(name)}")

    def json(self, text: str) -> None:
        """The machine-readable result, as the only thing on stdout."""
        if self.results_are_json:
            sys.stdout.write(text + "\n")


def comparison_sentence(comparison: Comparison) -> str:
    """A paired comparison in one sentence."""
    c = comparison
    ours, theirs = run_label(c.a), BASELINE_NAMES.get(c.b, run_label(c.b))
    interval = "" if c.low is None or c.high is None else f" [{c.low:+.4f}, {c.high:+.4f}]"
    return (
        f"{c.metric}, {ours} minus {theirs}: {c.difference:+.4f}{interval}, p = {c.p_adjusted:.4f}, "
        f"{c.wins:,} better, {c.losses:,} worse, {c.ties:,} equal"
    )


def weight_sentences(weights: Mapping[str, Figure]) -> list[str]:
    """What the weights of the negatives say, in words."""
    sentences = []
    rate, tau = weights.get("weighted_violation_rate"), weights.get("kendall_tau")
    if rate is not None and rate.value is not None:
        sentences.append(f"weighted by the training weights: {percent(rate.value)}{_percent_interval(rate)}")
    if tau is not None and tau.value is not None:
        agrees = "agrees with" if tau.value > 0.2 else "contradicts" if tau.value < -0.2 else "does not follow"
        ends = "" if tau.low is None or tau.high is None else f" [{tau.low:.2f}, {tau.high:.2f}]"
        sentences.append(f"the order of the margins {agrees} the weights (Kendall tau-b {tau.value:.2f}{ends})")
    return sentences


def _percent_interval(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f" [{100 * figure.low:.0f}, {100 * figure.high:.0f}]"


def _rated(name: str, figure: Figure, *, unit: str = "") -> str:
    text = _figure(figure, unit=unit)
    return text if figure.value is None else f"{text}   {band(name, figure.value)}"


def _figure(figure: Figure, *, unit: str = "") -> str:
    if figure.value is None:
        return f"not computable: {figure.reason}"
    ends = "" if figure.low is None or figure.high is None else f"  [{figure.low:.4f}, {figure.high:.4f}]"
    return f"{figure.value:.4f}{unit}{ends}"


def _interval(figure: Figure | Metric | Check) -> str:
    return "" if figure.low is None or figure.high is None else f"[{figure.low:.4f}, {figure.high:.4f}]"


def _optional(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def shorten(text: str, width: int) -> str:
    """``text`` on one line of at most ``width`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
