"""The answers of the tools, from the files of a run; nothing is computed that ``embedscope`` does not compute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from embedscope.agents.answer_records import (
    MOST_ENTRIES,
    NOTICE,
    CheckLine,
    Compared,
    Difference,
    Explained,
    FailureLine,
    Failures,
    Figure,
    FindingLine,
    Findings,
    FoundRun,
    FoundRuns,
    Judgement,
    MovedQuery,
    RankedDocument,
    RelevantDocument,
    SetLine,
    Word,
    finite,
    quoted,
)
from embedscope.agents.readable_folders import Kind, ReadableFolders, kind_of, read_report
from embedscope.comparison.comparing import ComparedRuns, compare_folders
from embedscope.errors import DataFormatError, InputError
from embedscope.output.notebook.shown_result import ShownResult
from embedscope.output.page.html import read_page
from embedscope.output.page.packing import texts_of_column
from embedscope.output.page.payload import PAGE_FILE
from embedscope.pipeline import read_run
from embedscope.protocols import IntArray
from embedscope.result import Check, Comparison, Finding, Metric, SeveralSets, Verdict
from embedscope.result.codec import decode
from embedscope.result.saved_run import folders_of_sets
from embedscope.untrusted.arrow_tables import open_table

MOST_ROWS = 50
"""Entries of any list; `MOST_ENTRIES` of those of runs."""

MOST_MOVED = 20
MOST_TOP = 10
MOST_WORDS = 20
LONG, SHORT, NAME = 1_500, 240, 120
"""Characters of a text that is asked for, of one in a list, of a name."""


@dataclass(frozen=True, slots=True)
class RunAnswers:
    """What the runs in some folders say. Every method raises InputError where a folder cannot be read."""

    folders: ReadableFolders

    def list_runs(self) -> FoundRuns:
        """The folders that embedscope wrote, with their verdicts."""
        found = list(self.folders.runs())
        runs = [self._found(folder, kind) for folder, kind in found[:MOST_ENTRIES]]
        return FoundRuns(NOTICE, len(found), runs)

    def _found(self, folder: Path, kind: Kind) -> FoundRun:
        report = read_report(folder)
        verdict, model, inputs = (_table(report.get(name)) for name in ("verdict", "model", "inputs"))
        shown = (verdict.get("outcome"), report.get("checkpoint") or model.get("checkpoint"), inputs.get("data"))
        names = (None if name is None else quoted(name, NAME) for name in shown)
        return FoundRun(self.folders.name_of(folder), kind.value, *names)

    def judge(self, name: str) -> Judgement:
        """The verdict of a run, of a comparison's candidate or of several sets."""
        folder = self.folders.folder(name)
        kind = kind_of(folder)
        if kind is Kind.SETS:
            return self._judgement_on_sets(folder)
        result = self._run(folder)
        facts = result.data
        return Judgement(
            NOTICE,
            self.folders.name_of(folder),
            Kind.RUN.value if kind is None else kind.value,
            **_verdict(result.verdict),
            model=quoted(result.model.checkpoint, NAME),
            data=quoted(result.inputs.get("data", ""), NAME),
            n_queries=facts.n_queries,
            n_effective=finite(facts.n_effective),
            n_documents=facts.n_documents,
            metrics=_figures(result.metrics.values()),
            checks=[_check(check) for check in result.checklist[:MOST_ROWS]],
            comparisons=[_difference(each) for each in result.comparisons[:MOST_ROWS]],
            findings=[finding.code for finding in result.findings[:MOST_ROWS]],
            caveats=[quoted(text, SHORT) for text in result.caveats],
            not_measured={part: quoted(why, SHORT) for part, why in result.not_measured.items()},
            sets=[],
        )

    def _judgement_on_sets(self, folder: Path) -> Judgement:
        own = folders_of_sets(folder) or {}
        try:
            found = decode(SeveralSets, read_report(folder))
            lines = [
                SetLine(
                    quoted(each.name, NAME),
                    self.folders.name_of(own[each.name]),
                    each.verdict.outcome.value,
                    quoted(each.verdict.headline, SHORT),
                )
                for each in found.sets[:MOST_ENTRIES]
            ]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DataFormatError(
                f"{folder} cannot be read as a run on several sets ({error}). Run it again."
            ) from None
        means = [
            Figure(name, finite(m.value), finite(m.low), finite(m.high), None, found.macro.lexical.get(name), None)
            for name, m in found.macro.metrics.items()
        ]
        return Judgement(
            NOTICE,
            self.folders.name_of(folder),
            Kind.SETS.value,
            **_verdict(found.verdict),
            model=quoted(found.checkpoint, NAME),
            data=f"{len(found.sets)} data sets",
            n_queries=sum(each.n_queries for each in found.sets),
            n_effective=None,
            n_documents=sum(each.n_documents for each in found.sets),
            metrics=means[:MOST_ROWS],
            checks=[],
            comparisons=[_difference(each) for each in found.macro.comparisons[:MOST_ROWS]],
            findings=[],
            caveats=[],
            not_measured={},
            sets=lines,
        )

    def compare(self, reference: str, candidate: str) -> Compared:
        """The paired differences of two runs on the same data."""
        before, after = self.folders.folder(reference), self.folders.folder(candidate)
        for folder in (before, after):
            _require_run(folder, self.folders)
        found = compare_folders(str(before), str(after))
        lost, gained = found.comparison.lost[str(after)], found.comparison.gained[str(after)]
        names = {str(before): self.folders.name_of(before), str(after): self.folders.name_of(after)}
        return Compared(
            NOTICE,
            names[str(before)],
            names[str(after)],
            found.result.verdict.outcome.value,
            [quoted(reason, LONG) for reason in found.result.verdict.reasons[:MOST_ROWS]],
            [_difference(each, names) for each in found.comparison.comparisons[:MOST_ROWS]],
            len(lost),
            _moved(found, lost),
            len(gained),
            _moved(found, gained),
        )

    def list_findings(self, name: str) -> Findings:
        """The named faults of a run or an audit."""
        folder = self.folders.folder(name)
        if kind_of(folder) is Kind.AUDIT:
            faults = _faults_of_audit(folder)
            lines = [_finding(fault, None) for fault in faults[:MOST_ROWS]]
            return Findings(NOTICE, self.folders.name_of(folder), Kind.AUDIT.value, len(faults), lines)
        result = self._run(folder)
        lines = [_finding(fault, result.queries.ids) for fault in result.findings[:MOST_ROWS]]
        return Findings(NOTICE, self.folders.name_of(folder), Kind.RUN.value, len(result.findings), lines)

    def list_failures(
        self, name: str, mode: str | None = None, finding: str | None = None, offset: int = 0, limit: int = 20
    ) -> Failures:
        """A page of the queries that are not right at rank 1, or that show a finding."""
        folder = self.folders.folder(name)
        result = self._run(folder)
        rows = _rows_of(result, mode, finding)
        shown = rows[offset : offset + min(limit, MOST_ROWS)]
        table = result.queries.to_arrow().take(np.asarray(shown, dtype=np.int64)).to_pylist()
        end = offset + len(shown)
        return Failures(
            NOTICE,
            self.folders.name_of(folder),
            len(result.queries.ids),
            len(rows),
            dict(islice(result.failure_modes.items(), MOST_ROWS)),
            [_failure(row) for row in table],
            end if end < len(rows) else None,
        )

    def explain_query(self, name: str, query: str) -> Explained:
        """Everything that the folder of a run holds of one query."""
        folder = self.folders.folder(name)
        result = self._run(folder)
        place = _place_of(query, result)
        (row,) = result.queries.to_arrow().slice(place, 1).to_pylist()
        wanted = [*row["top_ids"][:MOST_TOP], *row["relevant_ids"][:MOST_ROWS]]
        texts = {row["wrong_id"]: row["wrong_text"], **_texts_of(folder, wanted)}
        ranked = zip(row["top_ids"][:MOST_TOP], row["top_scores"], row["top_is_relevant"], strict=False)
        words, unseen, no_words = _words_of(folder, str(row["id"]))
        return Explained(
            NOTICE,
            self.folders.name_of(folder),
            query=quoted(row["id"], NAME),
            text=quoted(row["text"], LONG),
            n_relevant=row["n_relevant"],
            rank=finite(row["rank"]),
            n_tied=row["n_tied"],
            is_correct=row["is_correct"],
            mode=row.get("failure_mode"),
            evidence=_or_none(row.get("failure_evidence"), SHORT),
            margin=finite(row["margin"]),
            metrics={metric: finite(row.get(metric)) for metric in islice(result.metrics, MOST_ROWS)},
            top=[
                RankedDocument(
                    rank, quoted(document, NAME), finite(score), relevant, _or_none(texts.get(document), LONG)
                )
                for rank, (document, score, relevant) in enumerate(ranked, start=1)
                if document is not None
            ],
            relevant=[
                RelevantDocument(quoted(document, NAME), _or_none(texts.get(document), LONG))
                for document in row["relevant_ids"][:MOST_TOP]
            ],
            words=words,
            unseen=unseen,
            no_words=no_words,
        )

    def _run(self, folder: Path) -> ShownResult:
        _require_run(folder, self.folders)
        files = [folder / name for name in ("report.json", "queries.parquet")]
        return _read(str(folder), tuple((file.stat().st_mtime_ns, file.stat().st_size) for file in files))


@lru_cache(maxsize=2)
def _read(folder: str, state: tuple[tuple[int, int], ...]) -> ShownResult:
    """The run in ``folder``, read again where its files have another ``state``."""
    return read_run(folder)


def _require_run(folder: Path, folders: ReadableFolders) -> None:
    """Refuse a folder that is none of a run, saying what it is and who reads that."""
    kind = kind_of(folder)
    if kind is Kind.SETS:
        raise InputError(f"{folder} is a run on several data sets: judge it, and name the folder of one set here.")
    if kind is Kind.AUDIT:
        raise InputError(f"{folder} is an audit, which judges no model: list_findings reads it.")
    if kind not in (None, Kind.RUN, Kind.COMPARISON):
        raise InputError(
            f"{folder} is the folder of a {kind.value}, not of a run: embedscope evaluate --output DIR writes one."
        )
    if kind is None:
        raise InputError(
            f"{folders.name_of(folder)} is not the folder of a run: it lacks report.json or queries.parquet. list_runs "
            f"names those that are."
        )


def _verdict(verdict: Verdict) -> dict[str, Any]:
    reasons = [quoted(reason, LONG) for reason in verdict.reasons[:MOST_ROWS]]
    return {"verdict": verdict.outcome.value, "profile": verdict.profile, "reasons": reasons}


def _figures(metrics: Iterable[Metric]) -> list[Figure]:
    return [
        Figure(m.name, *map(finite, (m.value, m.low, m.high, m.chance, m.lexical, m.base)))
        for m in islice(metrics, MOST_ROWS)
    ]


def _check(check: Check) -> CheckLine:
    return CheckLine(
        check.id,
        check.title,
        check.outcome.value,
        finite(check.value),
        finite(check.low),
        finite(check.high),
        f"{check.direction} {check.threshold:g}",
        check.gating,
    )


def _difference(found: Comparison, names: Mapping[str, str] = MappingProxyType({})) -> Difference:
    return Difference(
        quoted(names.get(found.a, found.a), NAME),
        quoted(names.get(found.b, found.b), NAME),
        found.metric,
        finite(found.difference),
        finite(found.low),
        finite(found.high),
        finite(found.p_adjusted),
        found.wins,
        found.losses,
        found.ties,
    )


def _moved(found: ComparedRuns, rows: IntArray) -> list[MovedQuery]:
    before, after = (run.queries for run in found.runs.values())
    return [
        MovedQuery(
            quoted(before.ids[row], NAME),
            quoted(before.texts[row], SHORT),
            finite(before.rank[row]),
            finite(after.rank[row]),
        )
        for row in rows[:MOST_MOVED]
    ]


def _faults_of_audit(folder: Path) -> list[Finding]:
    try:
        report: Any = read_report(folder)
        return [decode(Finding, fault) for fault in report["findings"]]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataFormatError(f"{folder} cannot be read as an audit ({error}). Run it again.") from None


def _finding(fault: Finding, ids: Sequence[str] | None) -> FindingLine:
    """A finding of a run by the ``ids`` of its queries; without them, of an audit by the rows of its data file."""
    rows = [int(row) for row in fault.rows[:MOST_TOP]]
    return FindingLine(
        fault.code,
        quoted(fault.title, SHORT),
        fault.severity.value,
        fault.n,
        finite(fault.effect),
        finite(fault.low),
        finite(fault.high),
        quoted(fault.action, LONG),
        len(fault.rows),
        rows if ids is None else [],
        [] if ids is None else [quoted(ids[row], NAME) for row in rows if row < len(ids)],
    )


def _rows_of(result: ShownResult, mode: str | None, finding: str | None) -> list[int]:
    """Rows of the queries that are asked for: those of a finding as it lists them, else the worst rank first."""
    queries = result.queries
    if mode is not None and mode not in result.failure_modes:
        raise InputError(
            f"This run has no failures of the mode '{mode[:80]}'. Its modes: {_listed(result.failure_modes)}."
        )
    if finding is None:
        lost = np.flatnonzero(~queries.is_correct & ~np.isnan(queries.rank))
        rows = lost[np.argsort(-queries.rank[lost], kind="stable")].tolist()
    else:
        known = {fault.code: fault.rows for fault in result.findings}
        if finding not in known:
            raise InputError(f"This run has no finding '{finding[:80]}'. Its findings: {_listed(known)}.")
        rows = [row for row in known[finding] if row < len(queries.ids)]
    return [row for row in rows if mode is None or queries.failure_modes[row] == mode]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _failure(row: dict[str, Any]) -> FailureLine:
    return FailureLine(
        quoted(row["id"], NAME),
        quoted(row["text"], SHORT),
        finite(row["rank"]),
        row.get("failure_mode"),
        _or_none(row.get("failure_evidence"), SHORT),
        finite(row["margin"]),
        _or_none(row["wrong_id"], NAME),
        _or_none(row["wrong_text"], SHORT),
        _or_none(row["wrong_type"], NAME),
    )


def _or_none(text: str | None, most: int) -> str | None:
    return quoted(text, most) if text else None


def _place_of(query: str, result: ShownResult) -> int:
    """The row of a query by its id, else by its text."""
    for names in (result.queries.ids, result.queries.texts):
        if query in names:
            return names.index(query)
    raise InputError(
        f"This run has no query with the id or the text '{query[:80]}'. list_failures names queries; ids look like "
        f"'{result.queries.ids[0][:40]}'."
    )


def _texts_of(folder: Path, ids: Sequence[str]) -> dict[str, str]:
    """Texts of documents by id, as far as the page of the run holds them."""
    if not (folder / PAGE_FILE).is_file():
        return {}
    try:
        documents = read_page(folder)["documents"]
        wanted = set(ids)
        columns = (texts_of_column(documents[name]) for name in ("ids", "texts"))
        return {name: text for name, text in zip(*columns, strict=True) if name in wanted}
    except (LookupError, TypeError, ValueError) as error:
        raise DataFormatError(f"{folder / PAGE_FILE} is damaged ({error}). Run the evaluation again.") from None


def _words_of(folder: Path, query: str) -> tuple[list[Word], list[str], str | None]:
    """Words that decide a query, the strongest first; words that the model does not see; why there are none."""
    report = read_report(folder)
    explained: Any = report.get("explanations")
    if explained is None:
        return [], [], quoted(_table(report.get("not_measured")).get("explanations", "it was not asked for"), SHORT)
    path = folder / "explanations.parquet"
    try:
        failures, n_failures = explained["failures"], explained["n_failures"]
        found = next((each for each in failures if each["query"] == query), None)
        if found is None or not path.is_file():
            return [], [], f"words were left out for {len(failures)} of {n_failures} failures; --explain N does more"
        unseen = [quoted(word, NAME) for word in found["unseen"][:MOST_ROWS]]
        with open_table(path) as table:
            rows = table.columns(table.schema.names).to_pylist()
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise DataFormatError(
            f"The explanations in {folder} are damaged ({error}). Run the evaluation again."
        ) from None
    own = sorted((row for row in rows if row["query_id"] == query), key=lambda row: -abs(row["change"]))
    words = [
        Word(row["role"], quoted(row["text"], NAME), row["change"], row["puts_right_first"]) for row in own[:MOST_WORDS]
    ]
    return words, unseen, None


def _table(value: object) -> dict[str, Any]:
    """A table of a report; an empty one where something else stands there."""
    return value if isinstance(value, dict) else {}
