"""Faults of a model as findings: types ignored, baselines not beaten, failure modes, slices, a collapsed space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from embedscope.data.collection import Collection, excerpt
from embedscope.diagnose.evidence import Candidate, some_rows
from embedscope.diagnose.failure_modes import FailureMode, FailureModes, says_nothing
from embedscope.diagnose.slices import SliceSearch
from embedscope.diagnose.type_names import names_attribute
from embedscope.measure.negatives import UNTYPED
from embedscope.measure.space_statistics import spectrum
from embedscope.protocols import BoolArray, Float32Array, IntArray
from embedscope.result import DocumentTable, Estimate, Finding, QueryTable, Robustness, Scored, Severity
from embedscope.result.formatting import percent
from embedscope.stats.resampler import Resampler

LEAST_RATE = 0.01
"""Rate of violations that only hard negatives of the query have part in, lower end, from which a type is a finding."""

CLEARLY_MORE = 0.02
"""Violation rate of a type minus that of the others, lower end, from which it is a finding whatever else wins."""

LEAST_VIOLATIONS = 5
LEAST_PAIRS = 20
IGNORED, OFTEN = 0.35, 0.1
"""A model blind to a difference places half of such pairs wrongly; from a third on "ignored" is the right word."""

LEAST_MODE = 0.01
"""Share of queries, lower end, from which a failure mode is a finding."""

FRAGILE = 0.05
FRAGILE_LEVEL = 0.05
"""Fall of the metric, and level after Holm's correction, from which another way of typing is a finding."""

LEAST_UNEXPLAINED = 0.15
"""Share of queries, lower end, from which failures without a known cause are a finding: the checklist lets so many of
them miss rank 1, and a model that it passes is accused of nothing."""

COLLAPSED = 0.1
"""Share of the directions that 90 % of the variance needs, below which a space has collapsed."""

_SPACE_DRAWS, _SPACE_ROWS = 100, 2_000

_SEVERE, _MARKED = 0.3, 0.1
_METRIC = "MRR"


@dataclass(frozen=True, slots=True)
class _Pairs:
    """All (query, hard negative) pairs of queries whose positive says something, as columns of shape (E,)."""

    owners: IntArray
    documents: IntArray
    margins: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    is_violated: BoolArray
    is_own_doing: BoolArray  # violated, and whatever stands above the positive is a hard negative of this query
    types: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, queries: QueryTable, documents: DocumentTable, tolerance: float) -> _Pairs:
        n_queries = len(queries.texts)
        owners = np.repeat(np.arange(n_queries), np.diff(queries.negative_indptr))
        margins = queries.positive_similarity[owners] - queries.negative_scores
        is_violated = margins <= tolerance
        # Expected ranks have fractions where documents tie: none counts as more than one document.
        n_above = np.bincount(owners[is_violated], minlength=n_queries)
        is_own_doing = is_violated & (queries.rank - 1 <= n_above)[owners]
        kept = np.flatnonzero(~says_nothing(queries, documents)[owners])
        return cls(
            owners[kept],
            queries.negative_documents[kept],
            margins[kept],
            is_violated[kept],
            is_own_doing[kept],
            tuple(queries.negative_types[place] or (UNTYPED,) for place in kept.tolist()),
        )

    def of_type(self, name: str) -> BoolArray:
        """Pairs of this type alone where there are enough, so that no other difference speaks for it; else all."""
        alone = np.array([types == (name,) for types in self.types], dtype=bool)
        return alone if alone.sum() >= LEAST_PAIRS else self.with_type(name)

    def with_type(self, name: str) -> BoolArray:
        """Pairs that have this type, shape (E,)."""
        return np.array([name in types for types in self.types], dtype=bool)


def ignored_types(
    queries: QueryTable, documents: DocumentTable, resampler: Resampler, *, tolerance: float
) -> Iterator[Candidate]:
    """Types of hard negatives that reach the positive too often, and not only where everything does.

    The violation rate of a type is counted over pairs of this type alone where there are at least 20, so that a
    negative that differs in two things does not speak for either; else over all pairs of the type. Queries whose
    positive says nothing take no part. Where a query is lost altogether its hard negatives lie above the positive as
    other documents do, and that says nothing about their type. So a type is reported where the rate of violations in
    queries that are lost to hard negatives alone exceeds 1 % with its lower end, or where the rate of all violations
    exceeds that of the other types by 2 %.
    """
    pairs = _Pairs.of(queries, documents, tolerance)
    of_pairs = resampler.among(pairs.owners)
    for name in sorted({kind for types in pairs.types for kind in types}):
        chosen = np.flatnonzero(pairs.of_type(name))
        violated = pairs.is_violated[chosen]
        if violated.sum() < LEAST_VIOLATIONS:
            continue
        of_type, ones = of_pairs.among(chosen), np.ones(len(chosen))
        found = of_type.rate(violated, ones)
        own_doing = of_type.rate(pairs.is_own_doing[chosen], ones)
        if own_doing.at_least <= LEAST_RATE and not _exceeds_others(pairs, name, chosen, of_pairs):
            continue
        value = _size(found)
        worst = chosen[violated][np.argsort(pairs.margins[chosen][violated], kind="stable")]
        lost = np.array([name in kind.split(" + ") for kind in queries.wrong_type], dtype=bool) & ~queries.is_correct
        is_alone = len(chosen) < pairs.with_type(name).sum()  # then the rate is not that of all its pairs
        title, action = _type_words(name, value, len(chosen), is_alone=is_alone)
        finding = _finding(
            "type-ignored",
            title,
            _severity(value),
            found,
            action,
            n=len(chosen),
            rows=pairs.owners[worst],
            documents=pairs.documents[worst],
        )
        yield Candidate(finding, gain=missing_rank(queries, lost))


def _exceeds_others(pairs: _Pairs, name: str, chosen: IntArray, of_pairs: Resampler) -> bool:
    rows = np.union1d(chosen, np.flatnonzero(~pairs.with_type(name)))
    found = of_pairs.among(rows).contrast(pairs.is_violated[rows], np.isin(rows, chosen))
    return found.at_least > CLEARLY_MORE


def _type_words(name: str, value: float, n: int, *, is_alone: bool = False) -> tuple[str, str]:
    """Title and action for a type: what is ignored where it names an attribute, else who wins."""
    how_often = "often" if value >= OFTEN else "sometimes"
    others = " of no other type" if is_alone else ""
    if names_attribute(name):
        verb = "is ignored" if value >= IGNORED else f"is {how_often} overlooked"
        return (
            f"{name} {verb}: {percent(value)} of {n:,} '{name}' negatives{others} score as high as the positive",
            f"Train on more hard negatives that differ in {name} alone, or give them more weight; the rows listed are "
            "the first to use.",
        )
    who = "hard negatives without a type" if name == UNTYPED else f"negatives of type '{name}'"
    return (
        f"{who} {how_often} outrank the positive: {percent(value)} of {n:,}{others} score as high",
        "Read the rows listed: label relevant what answers the query, train on the others, and give them types by what "
        "is wrong with them.",
    )


def missing_rank(queries: QueryTable, rows: BoolArray | IntArray) -> float:
    """What putting the relevant documents of these queries first would add to the MRR: ``sum (1 - RR) / Q``."""
    return float((1 - queries.values[_METRIC][rows]).sum()) / max(len(queries.texts), 1)


def unbeaten_baselines(result: Scored) -> Iterator[Candidate]:
    """Baselines that rank significantly better than the model: character n-grams, the base model."""
    names = {"lexical": "character n-grams", "base": "the base model without its head"}
    for comparison in result.comparisons:
        if comparison.metric != "MRR" or comparison.b not in names:
            continue
        if comparison.high is None or comparison.high >= 0:
            continue
        metric = result.metrics[comparison.metric]
        theirs = metric.lexical if comparison.b == "lexical" else metric.base
        against = "" if theirs is None else f" {metric.value:.2f} against {theirs:.2f}"
        lost = _worst_first(result.queries, np.flatnonzero(~result.queries.is_correct))
        finding = _finding(
            f"below-{comparison.b}",
            f"the model ranks worse than {names[comparison.b]}: MRR{against} ({comparison.difference:+.3f})",
            Severity.HIGH,
            Estimate(comparison.difference, comparison.low, comparison.high),
            "Look at pooling, prompts and normalisation first (they must be those of the training), then at the "
            "learning rate; do not deploy it.",
            n=len(result.queries.texts),
            rows=lost,
            documents=result.queries.wrong_document[lost],
        )
        yield Candidate(finding, gain=-comparison.difference)


_MODE_WORDS = {
    FailureMode.NEAR_DUPLICATE: (
        "near-duplicate-wins",
        "a near duplicate of the positive wins {share} of the queries",
        "Merge the near duplicates or label both relevant (embedscope audit lists them); these are no faults of the "
        "model.",
    ),
    FailureMode.FALSE_NEGATIVE: (
        "false-negative-suspected",
        "in {share} of the queries the winner seems to answer as well as the positive",
        "Read the rows listed and label the winner relevant where it is; until then the score is too low.",
    ),
    FailureMode.TIE: (
        "ties-lose",
        "{share} of the queries are tied between the positive and another document",
        "Look for documents that the model maps to one point (equal beginnings, cut-off texts, a dead head).",
    ),
    FailureMode.HUB: (
        "hub-wins",
        "{hubs} {share} of the queries, whatever is asked",
        "Read the documents: short, generic or empty texts become hubs. Train with them as negatives, or centre the "
        "vectors before normalising.",
    ),
    FailureMode.LURE: (
        "lexical-lure",
        "queries that share more words with a wrong document fail more often ({with_it} against {without} of the "
        "others); {share} of all are lost so",
        "Add hard negatives that share the query's words and differ in meaning.",
    ),
    FailureMode.OUTLIER: (
        "outlier-query",
        "{share} of the queries fail far from every document",
        "Read them: foreign languages, empty or garbled queries do not belong in the test set, or do in the training.",
    ),
    FailureMode.TRUNCATED: (
        "truncated-text-loses",
        "queries with a text that is cut off fail more often ({with_it} against {without} of the others); {share} of "
        "all are lost so",
        "Raise the maximum length in training and in serving, or put what decides at the beginning.",
    ),
    FailureMode.UNREACHABLE: (
        "unreachable-document",
        "{share} of the queries are lost with a relevant document that is near to no query at all (anti-hub)",
        "Read the documents: very long, mixed or badly encoded texts end there. Split or clean them.",
    ),
}


def failure_findings(queries: QueryTable, modes: FailureModes, resampler: Resampler) -> Iterator[Candidate]:
    """The failure modes that cost a share of the queries worth acting on; ignored attributes are reported by type.

    A cause that right queries may have as well (a text that is cut off) is a finding only where queries that have it
    fail significantly more often. Its effect is that difference, and only as much of its failures counts as gain.
    """
    failed = ~queries.is_correct
    for mode, (code, title, action) in _MODE_WORDS.items():
        rows = modes.rows(mode)
        flags = np.zeros(len(queries.texts), dtype=bool)
        flags[rows] = True
        if len(rows) < LEAST_VIOLATIONS:
            continue
        effect = found = resampler.share(flags)
        if found.at_least <= LEAST_MODE and mode is not FailureMode.HUB:
            continue  # hubs have had their own test
        risks, gain = {}, missing_rank(queries, rows)
        condition = modes.conditions.get(mode)
        if condition is not None:
            effect = resampler.contrast(failed, condition)
            if effect.at_least <= 0:
                continue
            with_it = float(failed[condition].mean())
            risks = {"with_it": percent(with_it), "without": percent(with_it - _size(effect))}
            gain *= _size(effect) / with_it
        n_hubs = len(np.unique(queries.wrong_document[rows]))
        hubs = "1 document wins" if n_hubs == 1 else f"{n_hubs:,} documents win"
        words = title.format(share=percent(_size(found)), hubs=hubs, **risks)
        yield Candidate(_query_finding(code, words, effect, action, queries, rows), gain=gain)


def unexplained_failures(
    queries: QueryTable, modes: FailureModes, search: SliceSearch, resampler: Resampler
) -> Iterator[Candidate]:
    """Failures without a known cause, where they are many and more than those of any known one.

    Queries of a confirmed slice have one: what the slice has in common.
    """
    counts = modes.counts()
    n_other = counts.pop(FailureMode.OTHER, 0)
    flags = np.zeros(len(queries.texts), dtype=bool)
    flags[modes.rows(FailureMode.OTHER)] = True
    for one in search.slices:
        flags[one.rows] = False
    found = resampler.share(flags)
    if n_other < max(counts.values(), default=0) or found.at_least <= LEAST_UNEXPLAINED:
        return
    finding = _query_finding(
        "unexplained-failures",
        f"{percent(_size(found))} of the queries fail for none of the reasons that are looked for",
        found,
        "Read some of them, in the page under Failures: what they have in common is what to train on. Types on the "
        "hard negatives and metadata columns of the queries let more reasons be found.",
        queries,
        np.flatnonzero(flags),
    )
    yield Candidate(finding, gain=missing_rank(queries, flags))


def _worst_first(queries: QueryTable, rows: IntArray) -> IntArray:
    return rows[np.argsort(-queries.rank[rows], kind="stable")]


def slice_findings(search: SliceSearch, metric: str, queries: QueryTable) -> Iterator[Candidate]:
    """Confirmed slices as findings."""
    for one in search.slices:
        finding = _finding(
            "slice-worse",
            f"{one.name}: {metric} {one.mean:.2f} against {one.rest:.2f} on the rest "
            f"({one.effect:+.2f} on the confirming half, {search.n_tried:,} slices tried)",
            _severity(-one.effect),
            Estimate(one.effect, one.low, one.high),
            "Add training rows of this kind, or find out what its queries have in common that the model cannot read.",
            n=len(one.rows),
            rows=one.rows,
            documents=queries.wrong_document[one.rows],
        )
        yield Candidate(finding, gain=-one.effect * len(one.rows) / max(len(queries.texts), 1))


def label_findings(result: Scored, collection: Collection, resampler: Resampler) -> Iterator[Candidate]:
    """Faults of the data that the evaluation itself has met: unfilled positives, contradictions and leakage."""
    yield from _unfilled_positives(result, resampler)
    yield from _contradictions(result, collection, resampler)
    yield from _leaked_queries(result, resampler)


def _contradictions(result: Scored, collection: Collection, resampler: Resampler) -> Iterator[Candidate]:
    """Pairs that the data calls relevant and a hard negative, among those of the measured queries."""
    queries = result.queries
    row_of = {name: row for row, name in enumerate(queries.ids)}
    said_both = {(row_of[name], document) for name, document in collection.contradicting if name in row_of}
    owners = np.repeat(np.arange(len(queries.texts)), queries.n_relevant)
    pairs = zip(owners.tolist(), queries.relevant_documents.tolist(), strict=True)
    flags = np.array([pair in said_both for pair in pairs], dtype=bool)
    n_bad = int(flags.sum())
    if not n_bad:
        return
    found = resampler.among(owners).share(flags)
    rows = owners[flags]
    finding = _finding(
        "positive-also-negative",
        f"{percent(_size(found))} of positives are also labelled negative ({n_bad:,} of {len(flags):,} pairs)",
        Severity.HIGH,
        found,
        "Run embedscope audit --fix: training pulls and pushes the same pair.",
        n=len(flags),
        rows=rows,
        documents=queries.relevant_documents[flags],
    )
    yield Candidate(finding, gain=missing_rank(queries, np.unique(rows)))


def _leaked_queries(result: Scored, resampler: Resampler) -> Iterator[Candidate]:
    """Queries of the training file; without them the MRR falls by what they now add to it at most."""
    leakage, queries = result.leakage, result.queries
    if leakage is None:
        return
    leaked = set(leakage.leaked_queries)
    flags = np.array([text in leaked for text in queries.texts], dtype=bool)
    if not flags.any():
        return
    found, rows = resampler.share(flags), np.flatnonzero(flags)
    finding = _finding(
        "query-in-training",
        f"{percent(_size(found))} of the queries stand in {leakage.train}: scores on them show memory",
        Severity.HIGH,
        found,
        "Remove them from the test set (embedscope audit --train ... --fix).",
        n=len(flags),
        rows=rows,
    )
    yield Candidate(finding, gain=float(queries.values[_METRIC][rows].sum()) / len(flags))


def _unfilled_positives(result: Scored, resampler: Resampler) -> Iterator[Candidate]:
    queries, texts = result.queries, result.documents.texts
    flags = says_nothing(queries, result.documents)
    rows = np.flatnonzero(flags)
    if not rows.size:
        return
    first = queries.relevant_documents[queries.relevant_indptr[rows]]
    n, example = len(rows), excerpt(texts[int(first[0])], 30)
    finding = _finding(
        "placeholder-text",
        f"{n:,} {'query has' if n == 1 else 'queries have'} a positive that says nothing, such as {example}",
        Severity.HIGH,
        resampler.share(flags),
        "Run embedscope audit --fix: no model can find such a text, and training on it teaches noise.",
        n=len(flags),
        rows=rows,
        documents=first,
    )
    yield Candidate(finding, gain=missing_rank(queries, rows))


def fragile_queries(robustness: Robustness, metric: str = "MRR") -> Iterator[Candidate]:
    """Ways of typing the queries that cost the model its ranks, significantly over all that were tried.

    Nobody has typed the test set so: correcting them gains nothing on it, and they come after what does.
    """
    for effect in robustness.effects:
        for change in effect.changes:
            is_significant = change.metric == metric and change.p_adjusted < FRAGILE_LEVEL
            if not is_significant or change.difference > -FRAGILE or change.high is None or change.high >= 0:
                continue
            words = (
                f"{effect.title}: {metric} falls from {effect.before[metric]:.2f} to {effect.after[metric]:.2f} on the "
                f"{effect.n_changed:,} queries that this changes"
            )
            finding = _finding(
                "fragile-queries",
                words,
                _severity(-change.difference),
                Estimate(change.difference, change.low, change.high),
                "Add such spellings to the training queries, or undo them before encoding, if users type this way.",
                n=effect.n_changed,
                rows=effect.lost,
                documents=np.full(len(effect.lost), -1),  # which document wins then is not known here
            )
            yield Candidate(finding, gain=0.0)


def collapsed_space(queries: QueryTable, documents: Float32Array, resampler: Resampler) -> Iterator[Candidate]:
    """Whether a few directions carry the space of the documents.

    It has no rows: no single query or document shows it. All that is missing to an MRR of 1 may be its doing.
    """
    if len(documents) < 3:
        return
    found = spectrum(documents)
    available = min(documents.shape[1], len(documents) - 1)
    if found.n_directions is None or found.n_directions >= COLLAPSED * available:
        return
    n = found.n_directions
    verb = "carries" if n == 1 else "carry"
    finding = _finding(
        "space-collapsed",
        f"dimension collapse: {n} of {documents.shape[1]} directions {verb} 90 % of the space "
        f"(effective rank {found.effective_rank:.0f})",
        Severity.HIGH,
        _share_of_directions(documents, n, available, resampler),
        "Lower the learning rate or raise the temperature, and train with more negatives; a head this narrow in "
        "effect can be replaced by one of fewer dimensions.",
        n=len(documents),
    )
    yield Candidate(finding, gain=missing_rank(queries, np.arange(len(queries.texts))))


def _share_of_directions(documents: Float32Array, n_directions: int, available: int, resampler: Resampler) -> Estimate:
    """Share of the directions that hold 90 % of the variance; percentile bootstrap over documents.

    Of large collections each draw takes 2,000 documents: fewer than there are, which widens the interval.
    """
    drawn = resampler.resamples(len(documents), min(len(documents), _SPACE_ROWS), _SPACE_DRAWS)
    draws = (spectrum(documents[rows]) for rows in drawn)
    counts = [draw.n_directions for draw in draws if draw.n_directions is not None]
    low, high = np.quantile(counts, (0.025, 0.975)) / available
    value = n_directions / available
    return Estimate(value, min(float(low), value), max(float(high), value))


def _query_finding(
    code: str, title: str, effect: Estimate, action: str, queries: QueryTable, rows: IntArray
) -> Finding:
    """The finding on these of all queries, with the documents that won them."""
    worst = _worst_first(queries, rows)
    return _finding(
        code,
        title,
        _severity(_size(effect)),
        effect,
        action,
        n=len(queries.texts),
        rows=worst,
        documents=queries.wrong_document[worst],
    )


def _finding(
    code: str,
    title: str,
    severity: Severity,
    effect: Estimate,
    action: str,
    *,
    n: int,
    rows: IntArray | None = None,
    documents: IntArray | None = None,
) -> Finding:
    listed = [] if rows is None else rows.tolist()
    shown = some_rows(listed)
    first: dict[int, int] = {}
    for row, document in zip(listed, [] if documents is None else documents.tolist(), strict=documents is not None):
        first.setdefault(row, document)
    return Finding(
        code=code,
        title=title,
        severity=severity,
        n=n,
        effect=effect.value,
        low=effect.low,
        high=effect.high,
        rows=shown,
        action=action,
        documents=tuple(first[row] for row in shown) if first else (),
    )


def _size(effect: Estimate) -> float:
    return 0.0 if effect.value is None else effect.value


def _severity(size: float) -> Severity:
    if size >= _SEVERE:
        return Severity.HIGH
    return Severity.MEDIUM if size >= _MARKED else Severity.LOW
