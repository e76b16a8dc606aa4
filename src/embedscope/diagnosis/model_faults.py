"""Faults of a model as findings: types ignored, baselines not beaten, failure modes, slices, a collapsed space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from embedscope.data.collection import excerpt
from embedscope.diagnosis.evidence import MAX_ROWS, Candidate, Estimate, percent, rate, share, some_rows
from embedscope.diagnosis.failure_modes import FailureMode, FailureModes, says_nothing
from embedscope.diagnosis.slices import SliceSearch
from embedscope.findings import Diagnosis, DocumentTable, Findings, QueryTable, Robustness, Severity
from embedscope.numerics.geometry import spectrum
from embedscope.protocols import Float32Array, IntArray

LEAST_RATE = 0.005
"""Violation rate, lower end, from which a type is a finding."""

LEAST_VIOLATIONS = 5
LEAST_PAIRS = 20
IGNORED = 0.35
"""A model blind to a difference places half of such pairs wrongly; from here on "ignored" is the right word."""

LEAST_MODE = 0.01
"""Share of queries, lower end, from which a failure mode is a finding."""

FRAGILE = 0.05
FRAGILE_LEVEL = 0.05
"""Fall of the metric, and level after Holm's correction, from which another way of typing is a finding."""

COLLAPSED = 0.1
"""Share of the directions that 90 % of the variance needs, below which a space has collapsed."""

_SEVERE, _MARKED = 0.3, 0.1


def ignored_types(queries: QueryTable, documents: DocumentTable, *, tolerance: float) -> Iterator[Candidate]:
    """Types of hard negatives that reach the positive too often.

    The violation rate of a type is counted over pairs of this type alone where there are at least 20, so that a
    negative that differs in two things does not speak for either; else over all pairs of the type. Queries whose
    positive says nothing take no part.
    """
    counts = np.diff(queries.negative_indptr)
    owners = np.repeat(np.arange(len(counts)), counts)
    is_judged = ~says_nothing(queries, documents)[owners]
    margins = queries.positive_similarity[owners] - queries.negative_scores
    failed = ~queries.is_correct
    for name in sorted({kind for types in queries.negative_types for kind in types}):
        alone = is_judged & np.array([types == (name,) for types in queries.negative_types], dtype=bool)
        among = is_judged & np.array([name in types for types in queries.negative_types], dtype=bool)
        chosen = np.flatnonzero(alone if alone.sum() >= LEAST_PAIRS else among)
        violated = margins[chosen] <= tolerance
        found = rate(violated.astype(np.float64), np.ones(len(chosen)), queries.clusters[owners[chosen]])
        if violated.sum() < LEAST_VIOLATIONS or found.at_least <= LEAST_RATE:
            continue
        worst = chosen[violated][np.argsort(margins[chosen][violated], kind="stable")]
        lost = np.array([name in kind.split(" + ") for kind in queries.wrong_type], dtype=bool) & failed
        verb = "is ignored" if found.value >= IGNORED else "is often overlooked"
        yield Candidate(
            _diagnosis(
                "type-ignored",
                f"{name} {verb}: {percent(found.value)} of {len(chosen):,} '{name}' negatives score as high as the "
                "positive",
                _severity(found.value),
                len(chosen),
                found,
                owners[worst],
                f"Train on more hard negatives that differ in {name} alone, or give them more weight; the rows listed "
                "are the first to use.",
                queries.negative_documents[worst],
            ),
            gain=float(lost.mean()),
        )


def unbeaten_baselines(findings: Findings) -> Iterator[Candidate]:
    """Baselines that rank significantly better than the model: character n-grams, the base model."""
    names = {"lexical": "character n-grams", "base": "the base model without its head"}
    for comparison in findings.comparisons:
        if comparison.metric != "MRR" or comparison.b not in names:
            continue
        if comparison.high is None or comparison.high >= 0:
            continue
        metric = findings.metrics[comparison.metric]
        theirs = metric.lexical if comparison.b == "lexical" else metric.base
        against = "" if theirs is None else f" {metric.value:.2f} against {theirs:.2f}"
        lost = np.flatnonzero(~findings.queries.is_correct)
        lost = lost[np.argsort(-findings.queries.rank[lost], kind="stable")]
        yield Candidate(
            _diagnosis(
                f"below-{comparison.b}",
                f"the model ranks worse than {names[comparison.b]}: MRR{against} ({comparison.difference:+.3f})",
                Severity.HIGH,
                len(findings.queries.texts),
                Estimate(comparison.difference, comparison.low, comparison.high),
                lost,
                "Look at pooling, prompts and normalisation first (they must be those of the training), then at the "
                "learning rate; do not deploy it.",
                findings.queries.wrong_document[lost],
            ),
            gain=-comparison.difference,
        )


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
    FailureMode.TRUNCATED: (
        "truncated-text-loses",
        "{share} of the queries are lost with a text that is cut off",
        "Raise the maximum length in training and in serving, or put what decides at the beginning.",
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
        "in {share} of the queries a document that shares more letters with the query wins",
        "Add hard negatives that share the query's words and differ in meaning.",
    ),
    FailureMode.OUTLIER: (
        "outlier-query",
        "{share} of the queries fail far from every document",
        "Read them: foreign languages, empty or garbled queries do not belong in the test set, or do in the training.",
    ),
    FailureMode.UNREACHABLE: (
        "unreachable-document",
        "{share} of the queries are lost with a relevant document that is near to no query at all (anti-hub)",
        "Read the documents: very long, mixed or badly encoded texts end there. Split or clean them.",
    ),
}


def failure_findings(queries: QueryTable, modes: FailureModes) -> Iterator[Candidate]:
    """The failure modes that cost a share of the queries worth acting on; ignored attributes are told by type."""
    for mode, (code, title, action) in _MODE_WORDS.items():
        rows = modes.rows(mode)
        flags = np.zeros(len(queries.texts), dtype=bool)
        flags[rows] = True
        if len(rows) < LEAST_VIOLATIONS:
            continue
        found = share(flags, queries.clusters)
        if found.at_least <= LEAST_MODE and mode is not FailureMode.HUB:
            continue  # hubs have had their own test
        n_hubs = len(modes.hubs)
        hubs = "1 document wins" if n_hubs == 1 else f"{n_hubs:,} documents win"
        words = title.format(share=percent(found.value), hubs=hubs)
        worst = rows[np.argsort(-queries.rank[rows], kind="stable")]
        yield Candidate(
            _diagnosis(
                code, words, _severity(found.value), len(flags), found, worst, action, queries.wrong_document[worst]
            ),
            gain=found.value,
        )


def slice_findings(search: SliceSearch, metric: str, queries: QueryTable) -> Iterator[Candidate]:
    """Confirmed slices as findings."""
    for one in search.slices:
        diagnosis = _diagnosis(
            "slice-worse",
            f"{one.name}: {metric} {one.mean:.2f} against {one.rest:.2f} on the rest "
            f"({one.effect:+.2f} on the confirming half, {search.n_tried:,} slices tried)",
            _severity(-one.effect),
            len(one.rows),
            Estimate(one.effect, one.low, one.high),
            one.rows,
            "Add training rows of this kind, or find out what its queries have in common that the model cannot read.",
            queries.wrong_document[one.rows],
        )
        yield Candidate(diagnosis, gain=-one.effect * len(one.rows) / max(len(queries.texts), 1))


def label_findings(findings: Findings) -> Iterator[Candidate]:
    """Faults of the data that the evaluation itself has met: unfilled positives, contradictions and leakage."""
    yield from _unfilled_positives(findings)
    n_pairs = len(findings.queries.relevant_documents)
    n_bad = len(findings.data.contradictions)
    if n_bad and n_pairs:
        flags = np.arange(max(n_pairs, n_bad)) < n_bad
        found = share(flags, np.arange(len(flags)))
        yield Candidate(
            _diagnosis(
                "positive-also-negative",
                f"{percent(found.value)} of positives are also labelled negative ({n_bad:,} of {n_pairs:,} pairs)",
                Severity.HIGH,
                len(flags),
                found,
                [],
                "Run embedscope audit --fix: training pulls and pushes the same pair.",
            ),
            gain=found.value,
        )
    leakage = findings.leakage
    n_leaked = 0 if leakage is None else leakage.queries["exact"] + leakage.queries["normalised"]
    if leakage is not None and n_leaked:
        flags = np.arange(leakage.n_queries) < n_leaked
        found = share(flags, np.arange(len(flags)))
        yield Candidate(
            _diagnosis(
                "query-in-training",
                f"{percent(found.value)} of the queries stand in {leakage.train}: scores on them show memory",
                Severity.HIGH,
                leakage.n_queries,
                found,
                [],
                "Remove them from the test set (embedscope audit --train ... --fix).",
            ),
            gain=found.value,
        )


def _unfilled_positives(findings: Findings) -> Iterator[Candidate]:
    queries, texts = findings.queries, findings.documents.texts
    flags = says_nothing(queries, findings.documents)
    rows = np.flatnonzero(flags)
    if not rows.size:
        return
    first = queries.relevant_documents[queries.relevant_indptr[rows]]
    n, example = len(rows), excerpt(texts[int(first[0])], 30)
    yield Candidate(
        _diagnosis(
            "placeholder-text",
            f"{n:,} {'query has' if n == 1 else 'queries have'} a positive that says nothing, such as {example}",
            Severity.HIGH,
            len(flags),
            share(flags, queries.clusters),
            rows,
            "Run embedscope audit --fix: no model can find such a text, and training on it teaches noise.",
            first,
        ),
        gain=float(flags.mean()),
    )


def fragile_queries(robustness: Robustness, metric: str = "MRR") -> Iterator[Candidate]:
    """Ways of typing the queries that cost the model its ranks, significantly over all that were tried.

    Nobody has typed the test set so: mending them gains nothing on it, and they come after what does.
    """
    for effect in robustness.effects:
        for change in effect.changes:
            is_told = change.metric == metric and change.p_adjusted < FRAGILE_LEVEL
            if not is_told or change.difference > -FRAGILE or change.high is None or change.high >= 0:
                continue
            words = (
                f"{effect.title}: {metric} falls from {effect.before[metric]:.2f} to {effect.after[metric]:.2f} on the "
                f"{effect.n_changed:,} queries that this changes"
            )
            yield Candidate(
                _diagnosis(
                    "fragile-queries",
                    words,
                    _severity(-change.difference),
                    effect.n_changed,
                    Estimate(change.difference, change.low, change.high),
                    effect.lost,
                    "Add such spellings to the training queries, or undo them before encoding, if users type this way.",
                    np.full(len(effect.lost), -1),  # which document wins then is not known here
                ),
                gain=-1.0,  # behind every fault that costs the test set something, or nothing
            )


def collapsed_space(documents: Float32Array) -> Iterator[Candidate]:
    """Whether a few directions carry the space of the documents."""
    if len(documents) < 3:
        return
    found = spectrum(documents)
    available = min(documents.shape[1], len(documents) - 1)
    if found.n_directions is None or found.n_directions >= COLLAPSED * available:
        return
    yield Candidate(
        _diagnosis(
            "space-collapsed",
            f"dimension collapse: {found.n_directions} of {documents.shape[1]} directions carry 90 % of the space "
            f"(effective rank {found.effective_rank:.0f})",
            Severity.HIGH,
            len(documents),
            Estimate(found.n_directions / available, None, None),
            [],
            "Lower the learning rate or raise the temperature, and train with more negatives; a head this narrow in "
            "effect can be replaced by one of fewer dimensions.",
        ),
        gain=COLLAPSED,
    )


def _diagnosis(
    code: str,
    title: str,
    severity: Severity,
    n: int,
    found: Estimate,
    rows: Sequence[int] | IntArray,
    action: str,
    documents: IntArray | None = None,
) -> Diagnosis:
    shown = some_rows(int(row) for row in rows)
    first: dict[int, int] = {}
    for row, document in zip(rows, () if documents is None else documents.tolist(), strict=documents is not None):
        first.setdefault(int(row), document)
    return Diagnosis(
        code=code,
        title=title,
        severity=severity,
        n=n,
        effect=found.value,
        low=found.low,
        high=found.high,
        rows=shown,
        action=action,
        documents=tuple(first[row] for row in shown) if first else (),
    )


def _severity(size: float) -> Severity:
    if size >= _SEVERE:
        return Severity.HIGH
    return Severity.MEDIUM if size >= _MARKED else Severity.LOW


__all__ = [
    "MAX_ROWS",
    "collapsed_space",
    "failure_findings",
    "fragile_queries",
    "ignored_types",
    "label_findings",
    "slice_findings",
    "unbeaten_baselines",
]
