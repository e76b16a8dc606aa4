"""Faults of the labels: what is called relevant and is not, and what is called a negative and is not one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embedscope.audit.faults import Fault, compared_hit, fact, fault, hit, hits_of, share_of
from embedscope.audit.label_scores import standing
from embedscope.audit.subject import Stated, Subject
from embedscope.data.collection import Collection, Row, excerpt, identity
from embedscope.data.text_features import placeholder
from embedscope.diagnose.second_opinion import answers_as_well, denies_more
from embedscope.protocols import Float64Array, IntArray
from embedscope.result import Severity
from embedscope.result.formatting import count

SUSPECTED_POSITIVE = "positive-suspect"
"""The one finding of high severity that a second opinion may raise."""

N_CANDIDATES = 10
"""Best-scoring unlabelled documents of each query that are read for a false negative."""

CHANCE_LEVEL = 0.5
"""A positive that scores below this share of all documents says no more to its query than a random text."""

TOLERANCE = 0.1
"""How far a positive may miss a number that the query asks for before it says nothing to it, relative."""

LEAST_SHARE = 0.005
"""A second opinion errs; suspicions are reported where the lower end of their share exceeds this."""


def check_labels(subject: Subject) -> Iterator[Fault]:
    """Contradictions that the rows state, then suspicions that a second opinion raises."""
    yield from _query_as_document(subject)
    yield from _positive_as_negative(subject)
    yield from _answering_negatives(subject)
    if subject.collection is not None and subject.scorer is not None:
        relevant = [subject.relevant[q] for q in subject.compared]
        found = standing(subject.scorer, relevant, N_CANDIDATES + 8)
        level = found.level
        if subject.lexical is not None and subject.lexical is not subject.scorer:
            level = np.maximum(level, standing(subject.lexical, relevant, 0).level)  # both must find it wrong
        yield from _mislabelled(subject, subject.collection, level, subject.scorer.name)
        yield from _unlabelled(subject, subject.collection, found.best)


def _query_as_document(subject: Subject) -> Iterator[Fault]:
    """Rows that state the text of their own query as a positive, and as a hard negative: counted, not estimated."""
    for code, what, texts_of, action in (
        (
            "positive-is-query",
            "positive",
            lambda row: row.positives,
            "Put in what answers the query, or remove the rows: any model finds such a positive at rank 1, so that the "
            "scores are too high and training learns nothing from the pair.",
        ),
        (
            "negative-is-query",
            "hard negative",
            lambda row: [negative.text for negative in row.negatives],
            "Remove them: training pushes the query away from itself, and evaluation leaves them out. --fix does it.",
        ),
    ):

        def say(place: int, what: str = what) -> str:
            return f"{excerpt(subject.rows[place].query)} is its own {what}"

        hits = [
            hit(subject, place, say)
            for place, row in enumerate(subject.rows)
            if identity(row.query) and identity(row.query) in map(identity, texts_of(row))
        ]
        if hits:
            said = f"{count(len(hits), 'row has', 'rows have')} the query itself as a {what} (of {len(subject.rows):,})"
            yield fact(subject, code, said, Severity.HIGH, hits, action=action)


def _positive_as_negative(subject: Subject) -> Iterator[Fault]:

    def is_both(one: Stated) -> bool:
        return subject.same_as_positives[one.place] is not None

    def say(one: Stated) -> str:
        stated = f"{excerpt(subject.rows[one.row].query, 40)} has {excerpt(one.negative.text)}"
        return f"{stated} as positive and as hard negative{subject.same_as_positives[one.place]}"

    hits = hits_of(subject, subject.stated, is_both, say)
    if hits:
        n_rows = len({one.row for one in hits})
        yield fault(
            subject,
            "positive-also-negative",
            f"{count(len(hits), 'hard negative is', 'hard negatives are')} a positive of the same query "
            f"({count(n_rows, 'row', 'rows')} of {len(subject.rows):,})",
            Severity.HIGH,
            hits,
            units=subject.negative_resampler,
            action="Remove them from the hard negatives: training pulls and pushes the same pair. --fix does it.",
        )


def _answering_negatives(subject: Subject) -> Iterator[Fault]:
    """Negatives that answer the query by their words, or that a base model clearly prefers to the positive."""
    opinion = subject.preferences
    preferred: frozenset[tuple[str, str]] = frozenset() if opinion is None else opinion.clearly
    only_preferred: set[int] = set()

    def answers(one: Stated) -> bool:
        row, text = subject.rows[one.row], one.negative.text
        if subject.same_as_positives[one.place] is not None or identity(text) == identity(row.query):
            return False
        if any(answers_as_well(row.query, each, text, subject.attributes) for each in subject.telling_positives(row)):
            return True
        if (identity(row.query), identity(text)) not in preferred or _is_substantiated(subject, row, one):
            return False
        only_preferred.add(one.place)
        return True

    def say(one: Stated) -> str:
        query, text = excerpt(subject.rows[one.row].query), excerpt(one.negative.text, 90)
        types = " + ".join(one.negative.types) or "untyped"
        why = f", which {opinion.name} prefers to the positive" if opinion and one.place in only_preferred else ""
        return f"{query} may also be answered by the negative ({types}) {text}{why}"

    hits = hits_of(subject, subject.stated, answers, say)
    if hits and share_of(hits, subject.negative_resampler).at_least > LEAST_SHARE:
        also = (
            ""
            if opinion is None or not only_preferred
            else f" or {count(len(only_preferred), 'is', 'are')} clearly preferred by {opinion.name}"
        )
        yield fault(
            subject,
            "negative-answers-query",
            f"{count(len(hits), 'hard negative states', 'hard negatives state')} everything that the query and the "
            f"positive share{also} (of {len(subject.stated):,}): suspected false negatives",
            Severity.MEDIUM,
            hits,
            units=subject.negative_resampler,
            action="Read them: where the negative answers the query, remove it or make the query name what it lacks.",
        )


def _is_substantiated(subject: Subject, row: Row, one: Stated) -> bool:
    """Whether a value or a denial that can be read makes the text a negative, whatever a model prefers."""
    text, positives, attributes = one.negative.text, subject.positives_of(row), subject.attributes
    differs = any(
        attributes.keeps_value(name, positive, text) is False for name in one.negative.types for positive in positives
    )
    denies = all(denies_more(text, positive, attributes) for positive in positives)
    return bool(attributes.conflicts(row.query, text)) or differs or denies


def _mislabelled(subject: Subject, collection: Collection, level: Float64Array, name: str) -> Iterator[Fault]:
    """Positives that state other values than the query asks for, or say no more to it than a random document.

    The first are read from the texts of all queries and always reported; the second are a second opinion, which errs,
    and which only the compared queries have: ``level`` is of these.
    """
    levels = np.full(len(collection.queries), np.inf)
    levels[subject.compared] = level
    suspects = [one for q in range(len(levels)) if (one := _suspect(subject, collection, q, levels[q]))]
    read = [hit(subject, int(subject.units[q]), said) for q, is_read, said in suspects if is_read]
    scored = [
        compared_hit(subject, q, said)
        for q, is_read, said in sorted(suspects, key=lambda item: levels[item[0]])
        if not is_read
    ]
    sample = subject.compared_resampler
    if not scored or share_of(scored, sample).at_least <= LEAST_SHARE:
        scored = []
    stated, seen = "by the values that they state", f"by {name}"
    if subject.is_sampled:
        parts = [(read, stated, None), (scored, seen, sample)]
    else:
        parts = [([*read, *scored], f"{stated} and {seen}" if scored else stated, None)]
    for hits, by, units in parts:
        if not hits:
            continue
        of = len(collection.queries) if units is None else len(units.clusters)
        yield fault(
            subject,
            SUSPECTED_POSITIVE,
            f"{count(len(hits), 'query has a positive that does', 'queries have a positive that does')} not fit it "
            f"(of {of:,}), {by}",
            Severity.HIGH,
            hits,
            units=units,
            of=None if units is None else of,
            action="Read these rows and correct the positives; a wrong positive trains and tests the opposite.",
        )


def _suspect(subject: Subject, collection: Collection, q: int, level: float) -> tuple[int, bool, str] | None:
    """The query, whether the values were read, and what is said; None where nothing speaks against the positive."""
    query = collection.queries[q]
    texts = [collection.documents[d] for d in subject.relevant[q]]
    if not texts or any(placeholder(text) is not None for text in texts):
        return None  # a finding of its own
    attributes = subject.attributes
    wrong = min((attributes.conflicts(query, text) for text in texts), key=len)
    is_read = len(wrong) > 1 or any(kind.is_exact for kind in attributes.kinds if kind.name in wrong)
    if not is_read and (
        level >= CHANCE_LEVEL or any(attributes.met_values(query, text, tolerance=TOLERANCE) for text in texts)
    ):
        return None
    why = f"states another {' and '.join(wrong)}" if wrong else "says no more to it than a random document"
    return q, is_read, f"{excerpt(query)} has the positive {excerpt(texts[0], 90)}, which {why}"


def _unlabelled(subject: Subject, collection: Collection, best: IntArray) -> Iterator[Fault]:
    """Documents without a label for a query that answer it as its positive does; ``best`` of the compared queries."""
    documents, attributes = collection.documents, subject.attributes
    hits = []
    for q, places in zip(subject.compared.tolist(), best, strict=True):
        query, own = collection.queries[q], subject.relevant[q]
        labelled = {*own, *subject.refused(q), *subject.own[q]}
        unlabelled = [d for d in places.tolist() if d not in labelled][:N_CANDIDATES]
        found = [
            documents[d]
            for d in unlabelled
            if any(answers_as_well(query, documents[p], documents[d], attributes) for p in own)
        ]
        if found:
            said = (
                f"{excerpt(query)} with the positive {excerpt(documents[own[0]], 80)} is also answered by "
                f"{excerpt(found[0], 80)}"
            )
            hits.append((len(found), compared_hit(subject, q, said)))
    found_hits = [one for _, one in sorted(hits, key=lambda item: -item[0])]
    sample, of = subject.compared_resampler, len(subject.compared)
    if found_hits and share_of(found_hits, sample).at_least > LEAST_SHARE:
        yield fault(
            subject,
            "unlabelled-answer",
            f"{count(len(found_hits), 'query is', 'queries are')} answered as well by a document that is not "
            f"labelled relevant to it (of {of:,}): suspected false negatives",
            Severity.MEDIUM,
            found_hits,
            units=sample,
            of=of if subject.is_sampled else None,
            action="Label these documents relevant too, or make the queries name what sets the positive apart; until "
            "then a model is marked wrong for finding them.",
        )
