"""What a person sees while a command runs and when it is done. Progress goes to stderr, results to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rich.text import Text

from embedscope.decide.verdict import band
from embedscope.output.terminal import finding_lines as findings
from embedscope.output.terminal import measure_tables as measures
from embedscope.output.terminal import wording as words
from embedscope.output.terminal.hanging import Columns, Hanging, console, fits, indented, number_table, shorten, table
from embedscope.output.terminal.progress import progress_on
from embedscope.output.terminal.timeline_table import print_timeline
from embedscope.protocols import IntArray, ProgressCallback
from embedscope.result import (
    BestOfMany,
    Check,
    Comparison,
    Example,
    Leakage,
    LevelShift,
    ModelFacts,
    Outcome,
    QueryTable,
    Result,
    Scored,
    Timeline,
    TypeChange,
    Verdict,
    VerdictOutcome,
    run_label,
    run_labels,
)

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

N_REASONS = 8
"""Reasons printed; the rest stand in report.json."""


class Terminal:
    """Prints steps, progress, tables and the verdict; ``quiet`` silences all but errors."""

    def __init__(self, *, quiet: bool = False, json: bool = False) -> None:
        self.quiet = quiet
        self.results_are_json = json
        self._labels: dict[str, str] = {}
        self._notes = console(stderr=True, quiet=quiet)
        self._results = console(quiet=quiet or json)

    def step(self, text: str) -> None:
        """One line that says what has been done; never broken, because it may hold a path to be copied."""
        self._notes.print(text, soft_wrap=True)

    def warn(self, text: str) -> None:
        """One line that a person should not miss."""
        self._notes.print(Hanging(Text("Note: ", style="yellow"), text))

    def progress(self, title: str, *, unit: str) -> AbstractContextManager[ProgressCallback]:
        """Progress with rate and time left while the block runs; yields the callback that moves it."""
        return progress_on(self._notes, title, unit=unit)

    def fact(self, name: str, text: str) -> None:
        """What goes into the run: ``Data:  test.json, ...``."""
        self._notes.print(Hanging(f"{name + ':' if name else '':<7}", text))

    def model(self, facts: ModelFacts) -> None:
        """What produced the vectors."""
        self._notes.print(Hanging("Model: ", words.model_line(facts)))
        for note in facts.notes:
            self.warn(note)

    def report(self, result: Result, *, has_evidence: bool = False) -> None:
        """Statistics, metrics, typed negatives, findings (``has_evidence``: all, with their rows), verdict."""
        self._similarity(result)
        self._metrics(result)
        self._against_baselines(result)
        self._negative_types(result)
        self._leakage(result.leakage)
        measures.print_measures(result, self._results)
        findings.print_failure_modes(result, self._results)
        findings.print_diagnoses(result, self._results, has_evidence=has_evidence)
        self._checklist(result.checklist)
        self.verdict(result.verdict, result.checklist)

    def _heading(self, text: str) -> None:
        self._results.print()
        self._results.print(text, style="bold")

    def _line(self, text: str | Text, *, lead: str | Text = "  ") -> None:
        self._results.print(Hanging(lead, text))

    def _similarity(self, result: Result) -> None:
        s = result.similarity
        lines = [
            ("Positive", f"{s.positive.mean:.4f} ± {s.positive.std:.4f}   ({s.positive.n:,} pairs)"),
            ("Negative", f"{s.negative.mean:.4f} ± {s.negative.std:.4f}   ({s.negative.n:,} pairs)"),
        ]
        if s.hard_negative is not None:
            hard = s.hard_negative
            lines.append(("Hard negative", f"{hard.mean:.4f} ± {hard.std:.4f}   ({hard.n:,} pairs)"))
        lines += [
            ("Margin", words.rated("margin", s.margin)),
            ("Separation", words.rated("separation", s.separation, unit="σ")),
            ("AUC", words.figure_with_interval(s.auc)),
            ("Overlap", words.figure_with_interval(s.overlap)),
        ]
        self._heading("Similarity statistics")
        for name, text in lines:
            self._line(text, lead=f"  {name + ':':<15}")

    def _metrics(self, result: Result) -> None:
        data, metrics = result.data, result.metrics
        self._heading(
            f"Ranking of {data.n_documents:,} documents for {data.n_queries:,} queries "
            f"in {data.n_clusters:,} independent groups"
        )
        known = {name: any(getattr(m, name) is not None for m in metrics.values()) for name in ("lexical", "base")}
        own: Columns = {
            "value": [f"{m.value:.4f}" for m in metrics.values()],
            "95 % interval": [words.interval(m) for m in metrics.values()],
            "chance": [words.optional(m.chance) for m in metrics.values()],
        }
        for key, header in (("lexical", "n-grams"), ("base", "base model")):
            if known[key]:
                own[header] = [words.optional(getattr(m, key)) for m in metrics.values()]
        numbered = {name: name if name.isalpha() else f"({i})" for i, name in enumerate(result.references, start=1)}
        others: Columns = {
            numbered[name]: [words.optional(values.get(m)) for m in metrics]
            for name, values in result.references.items()
        }
        self._columns(metrics, own, others)
        for name, number in numbered.items():
            if name != number:
                self._line(run_label(name), lead=f"  {number} ")
        if "MRR" in metrics:
            self._line(Text(f"MRR is {band('MRR', metrics['MRR'].value)} on the rated bands", style="dim"))
        if data.n_queries_without_relevant:
            self.warn(f"{data.n_queries_without_relevant:,} queries without a relevant document are left out")
        for metric in metrics.values():
            for warning in metric.warnings:
                self.warn(f"{metric.name}: {warning}")

    def _columns(self, names: Iterable[str], first: Columns, second: Columns) -> None:
        """One table of all columns, or two below each other where the terminal is too narrow for one."""
        whole = number_table(names, {**first, **second})
        if fits(whole, self._results):
            self._results.print(whole)
            return
        self._results.print(number_table(names, first))
        self._results.print()
        self._results.print(number_table(names, second))

    def _against_baselines(self, result: Result) -> None:
        if result.comparisons:
            self._heading("Against what it has to beat, on the same queries")
            groups: dict[str, list[Comparison]] = {}
            for comparison in result.comparisons:
                groups.setdefault(words.name_of(comparison.b), []).append(comparison)
            self._comparison_rows(groups)

    def _comparison_rows(self, groups: Mapping[str, Sequence[Comparison]]) -> None:
        """Paired differences, grouped by what they are differences to."""
        self._results.print(words.COMPARISON_HEADER)
        for name, comparisons in groups.items():
            self._line(name)
            for comparison in comparisons:
                self._results.print(words.comparison_row(comparison))

    def _negative_types(self, result: Result) -> None:
        if not result.negative_types:
            return
        self._heading("Hard negatives that score at or above the positive")
        headers = ["  type", "share", "95 % interval", "pairs", "mean margin"]
        made = table(headers, words=["  type"])
        for negative in sorted(result.negative_types.values(), key=lambda t: -(t.violation_rate.value or 0)):
            rate, margin = negative.violation_rate, negative.margin
            made.add_row(
                indented(negative.name),
                words.ABSENT if rate.value is None else f"{100 * rate.value:.1f} %",
                words.percent_interval(rate),
                f"{negative.n:,}",
                words.ABSENT if margin.value is None else f"{margin.value:+.4f}",
            )
        self._results.print(made)
        for sentence in words.weight_sentences(result.weights):
            self._line(sentence)

    def _leakage(self, leakage: Leakage | None) -> None:
        if leakage is None:
            return
        self._heading(f"Overlap with the training file {leakage.train}")
        for name, counts, total in (
            ("queries", leakage.queries, leakage.n_queries),
            ("positives", leakage.positives, leakage.n_positives),
        ):
            found = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
            self._line(f"{found} of {total:,}", lead=f"  {name + ':':<11}")

    def _checklist(self, checks: Sequence[Check]) -> None:
        self._heading("Checklist")
        made = table(["  ", "check", "value", "95 % interval", "needed", "outcome"], words=["  ", "check", "outcome"])
        for name in (0, 4, 5):
            made.columns[name].no_wrap = True
            made.columns[name].justify = "left"
        for check in checks:
            style = OUTCOME_STYLES[check.outcome]
            made.add_row(
                Text("  " + MARKS[check.outcome], style=style),
                Text(check.title + ("" if check.gating else " (advisory)")),
                words.optional(check.value),
                words.interval(check),
                f"{check.direction} {check.threshold:g}",
                Text(check.outcome.value, style=style),
            )
        self._results.print(made)

    def verdict(self, verdict: Verdict, checks: Sequence[Check] = ()) -> None:
        """The word, the sentence that says why, the other reasons; what passed stands in the checklist above."""
        self._results.print()
        word = Text(verdict.outcome.value.upper(), style=VERDICT_STYLES[verdict.outcome])
        self._results.print(Text.assemble("Verdict: ", word, f" (profile {verdict.profile})"))
        passed = {f"{check.title}: {check.reason}" for check in checks if check.outcome is Outcome.PASS}
        reasons = list(dict.fromkeys([verdict.headline, *(r for r in verdict.reasons if r not in passed)]))
        for reason in reasons[:N_REASONS]:
            self._line(reason, lead="  - ")
        if len(reasons) > N_REASONS:
            self._line(f"... and {len(reasons) - N_REASONS} more in report.json")

    def examples(self, result: Result) -> None:
        """Each example with its positives and hard negatives, scores and margin."""
        for example in result.examples:
            self._example(example, result)

    def _example(self, example: Example, result: Result) -> None:
        q, row = result.queries, example.query
        self._results.print()
        rank = f", rank of the first relevant document: {q.rank[row]:g}"
        self._results.print(Text.assemble((example.kind.value.capitalize(), "bold"), rank))
        self._line(shorten(q.texts[row], self._results.width - 2))
        own = slice(q.relevant_indptr[row], q.relevant_indptr[row + 1])
        for document, score in zip(q.relevant_documents[own], q.relevant_scores[own], strict=True):
            self._scored("✓", "green", score, result.documents.texts[document], "")
        own = slice(q.negative_indptr[row], q.negative_indptr[row + 1])
        for place in range(own.start, own.stop):
            text, kinds = result.documents.texts[q.negative_documents[place]], " + ".join(q.negative_types[place])
            self._scored("✗", "red", q.negative_scores[place], text, f" ({kinds})" if kinds else "")
        if q.margin[row] == q.margin[row]:
            self._line(f"margin to the best hard negative: {q.margin[row]:+.4f}")

    def _scored(self, mark: str, style: str, score: float, text: str, label: str) -> None:
        lead = f"  {mark} {score:.4f}  "
        shown = shorten(text, self._results.width - len(lead) - len(label))
        self._results.print(Text.assemble((f"  {mark} ", style), f"{score:.4f}  ", shown, label), soft_wrap=True)

    def name_runs(self, names: Iterable[str]) -> None:
        """From here on these runs are called by short labels that tell them apart."""
        self._labels = run_labels(names)

    def label(self, name: str) -> str:
        """What a run is called."""
        return self._labels.get(name) or run_label(name)

    def timeline(self, timeline: Timeline) -> None:
        """A training, checkpoint by checkpoint."""
        print_timeline(timeline, self._results)

    def metric_table(self, runs: Mapping[str, Scored]) -> None:
        """Metrics of several runs side by side; the intervals give way where the terminal is too narrow."""
        first = next(iter(runs.values()))
        self._heading(
            f"Ranking of {first.data.n_documents:,} documents for {first.data.n_queries:,} queries "
            f"in {first.data.n_clusters:,} independent groups"
        )
        for number, name in enumerate(runs, start=1):
            self._line(self.label(name) + (", the reference" if number == 1 else ""), lead=f"  ({number}) ")
        values: Columns = {}
        intervals: Columns = {}
        for number, run in enumerate(runs.values(), start=1):
            found = [run.metrics[name] for name in first.metrics]
            values[f"({number})"] = [f"{metric.value:.4f}" for metric in found]
            intervals[f"({number})"] = [f"{metric.value:.4f} {words.interval(metric)}".rstrip() for metric in found]
        wide = number_table(first.metrics, intervals)
        self._results.print(wide if fits(wide, self._results) else number_table(first.metrics, values))

    def comparisons(self, comparisons: Sequence[Comparison], reference: str) -> None:
        """Paired differences to the reference."""
        self._heading(f"Difference to {self.label(reference)}, on the same queries")
        groups: dict[str, list[Comparison]] = {}
        for comparison in comparisons:
            groups.setdefault(self.label(comparison.a), []).append(comparison)
        self._comparison_rows(groups)

    def type_changes(self, changes: Sequence[TypeChange]) -> None:
        """How the violation rate of each negative type changed."""
        if not changes:
            return
        self._heading("Hard negatives at or above the positive: change in percentage points")
        made = table(["  run", "type", "change", "95 % interval", "pairs"], words=["  run", "type"])
        for change in changes:
            value = change.change.value
            shown = words.ABSENT if value is None else f"{100 * value:+.1f}"
            ends = words.points_interval(change.change)
            made.add_row(indented(self.label(change.candidate)), change.type, shown, ends, f"{change.n:,}")
        self._results.print(made)

    def level_shifts(self, shifts: Sequence[LevelShift]) -> None:
        """Whether the level of the similarities moved, told apart from the ranking."""
        self._heading("Change of the similarity level")
        for shift in shifts:
            self._line(words.level_sentence(shift, self.label(shift.candidate)))
        self._line(Text("a level moves with the temperature of the training, ranks and AUC do not", "dim"))

    def moved(self, word: str, name: str, rows: IntArray, n: int, before: QueryTable, after: QueryTable) -> None:
        """Queries that were lost or gained at rank 1, the largest moves first."""
        shown = f", {len(rows)} of them:" if n > len(rows) else ":" if n else ""
        self._heading(f"{n:,} queries {word} at rank 1 by {self.label(name)}{shown}")
        moves = [words.ranks(before.rank[row], after.rank[row]) for row in rows]
        width = max(map(len, moves), default=0)
        for row, move in zip(rows, moves, strict=True):
            lead = f"  {move:<{width}}  "
            self._results.print(lead, shorten(before.texts[row], self._results.width - len(lead)), sep="")

    def best_of_many(self, best: BestOfMany | None) -> None:
        """What the choice of the best among several costs in certainty."""
        if best is not None:
            self._results.print()
            self._line(
                f"Best of {best.n_candidates}: {self.label(best.best)}, {best.metric} {best.difference:+.4f}, "
                f"p = {words.p_value(best.p_adjusted)} after paying for the choice (max-T)",
                lead="",
            )

    def line(self, text: str) -> None:
        """One line of the results, as it is."""
        self._results.print(text, soft_wrap=True, highlight=False, markup=False)

    def files(self, folder: str | Path, names: Sequence[str]) -> None:
        """Where the results are."""
        self._results.print()
        self._results.print(f"Written to {Path(folder)}/", style="bold", soft_wrap=True)
        for name in names:
            self._results.print(f"  {name}", soft_wrap=True)

    def side_files(self, paths: Sequence[str]) -> None:
        """Files that were asked for by name."""
        for path in paths:
            self._results.print(f"Written: {path}", style="bold", soft_wrap=True)

    def json(self, text: str) -> None:
        """The machine-readable result, as the only thing on stdout."""
        if self.results_are_json:
            sys.stdout.write(text + "\n")


__all__ = ["Terminal"]
