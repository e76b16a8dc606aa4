"""What a person sees while a command runs and when it is done. Progress goes to stderr, results to stdout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.text import Text

from embedscope.output.silence import SILENCE
from embedscope.output.streams import STDOUT, escaped_json
from embedscope.output.terminal.comparison_tables import print_run_comparison
from embedscope.output.terminal.explanation_lines import print_explanations
from embedscope.output.terminal.finding_lines import print_example, print_failure_modes, print_findings
from embedscope.output.terminal.hanging import Hanging, console
from embedscope.output.terminal.measure_tables import print_measures
from embedscope.output.terminal.migration_tables import print_migration
from embedscope.output.terminal.parity_tables import print_parity
from embedscope.output.terminal.progress import progress_on
from embedscope.output.terminal.run_tables import (
    print_baselines,
    print_leakage,
    print_metrics,
    print_negative_types,
    print_similarity,
)
from embedscope.output.terminal.sets_table import print_sets
from embedscope.output.terminal.summary import print_summary
from embedscope.output.terminal.timeline_table import print_timeline
from embedscope.output.terminal.verdict_lines import print_checklist, print_verdict
from embedscope.output.terminal.wording import metric_warnings, model_line
from embedscope.protocols import ProgressCallback
from embedscope.result import (
    Migration,
    ModelFacts,
    Parity,
    Result,
    RunComparison,
    Scored,
    SeveralSets,
    Timeline,
    Verdict,
)
from embedscope.result.formatting import count, tensor_words


class Terminal:
    """Prints steps, progress, results and the verdict; ``quiet`` silences all but errors, ``verbose`` adds tables.

    ``breaks_silence``: unless quiet or for JSON, what goes on is named where a step says nothing for long.
    """

    def __init__(
        self, *, quiet: bool = False, json: bool = False, verbose: bool = False, breaks_silence: bool = False
    ) -> None:
        self.quiet = quiet
        self._breaks_silence = breaks_silence and not (quiet or json)
        self.verbose = verbose
        self.results_are_json = json
        self._notes = console(stderr=True, quiet=quiet)
        self._results = console(quiet=quiet or json)
        self._goes_on("Reading the data and the model")

    def step(self, text: str) -> None:
        """One line that says what has been done; never broken, because it may hold a path to be copied."""
        self._notes.print(text, soft_wrap=True)
        self._goes_on(text)

    def waits(self, text: str) -> None:
        """One line that says what the process waits for: from now on silence is no sign of a hang."""
        self._notes.print(text, soft_wrap=True)
        self._goes_on(None)

    def _goes_on(self, text: str | None) -> None:
        if self._breaks_silence:
            SILENCE.during(text)

    def warn(self, text: str) -> None:
        """One line that a person should not miss."""
        self._notes.print(Hanging(Text("Note: ", style="yellow"), text))

    @contextmanager
    def progress(self, title: str, *, unit: str) -> Iterator[ProgressCallback]:
        """Progress with rate and time left while the block runs; yields the callback that moves it."""
        has_notices = self._breaks_silence and not self._notes.is_terminal  # a bar says enough
        with SILENCE.inside(title if has_notices else None), progress_on(self._notes, title, unit=unit) as advance:
            yield advance

    def fact(self, name: str, text: str) -> None:
        """What goes into the run: ``Data:  test.json, ...``."""
        self._notes.print(Hanging(f"{name + ':' if name else '':<7}", text))

    def model(self, facts: ModelFacts) -> None:
        """What produced the vectors."""
        self._notes.print(Hanging("Model: ", model_line(facts)))
        if facts.tensors is not None:
            self.fact("", f"tensors: {tensor_words(facts.tensors)}")
        for note in facts.notes:
            self.warn(note)

    def report(self, result: Result, *, has_evidence: bool = False) -> None:
        """What fits one screen, the verdict last; or, ``verbose`` or with the evidence of all findings, every table."""
        results = self._results
        for warning in metric_warnings(result):
            self.warn(warning)
        if not (self.verbose or has_evidence):
            print_summary(result, results)
            return
        print_similarity(result, results)
        print_metrics(result, results)
        print_baselines(result, results)
        print_negative_types(result.negative_types, result.weights, results)
        print_leakage(result.leakage, results)
        print_measures(result, results)
        print_failure_modes(result, results)
        print_explanations(result, results)
        print_findings(result, results, has_evidence=has_evidence)
        print_checklist(result.checklist, results)
        print_verdict(result.verdict, results)

    def verdict(self, verdict: Verdict) -> None:
        """The word, the sentence that says why, the other reasons."""
        print_verdict(verdict, self._results)

    def verdict_line(self, found: str | None) -> None:
        """The line for monitors, where there is one."""
        if found is not None:
            self.line(found)

    def examples(self, run: Scored) -> None:
        """Each example with its positives and hard negatives, scores and margin."""
        for example in run.examples:
            print_example(example, run, self._results)

    def timeline(self, timeline: Timeline) -> None:
        """A training, checkpoint by checkpoint."""
        print_timeline(timeline, self._results)

    def comparison(self, runs: Mapping[str, Scored], comparison: RunComparison, *, n_texts: int) -> None:
        """Several runs side by side, each by a label that tells it from the others in ``runs``."""
        print_run_comparison(runs, comparison, self._results, n_texts=n_texts)

    def sets(self, found: SeveralSets) -> None:
        """Several sets in one table, the means over them, and the verdict on all."""
        print_sets(found, self._results)

    def parity(self, found: Parity) -> None:
        """Two ways to encode, and whether they give the same vectors."""
        print_parity(found, self._results)

    def migration(self, found: Migration) -> None:
        """A swap of models, path by path, and what to do."""
        print_migration(found, self._results)

    def line(self, text: str) -> None:
        """One line of the results, as it is."""
        self._results.print(text, soft_wrap=True, highlight=False, markup=False)

    def files(self, folder: str | Path, names: Sequence[str], *, first: str | None = None) -> None:
        """Where the results are: every file, or, where the terminal is not verbose, how many and the ``first``."""
        self._results.print()
        if first is not None and first in names and not self.verbose:
            others = f" and {count(len(names) - 1, 'file')} beside it" if len(names) > 1 else ""
            self._results.print(f"Written: {Path(folder) / first}{others}", style="bold", soft_wrap=True)
            return
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
            STDOUT.write(escaped_json(text) + "\n")
