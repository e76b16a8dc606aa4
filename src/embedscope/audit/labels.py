"""Faults of the labels: what is called relevant and is not, and what is called a negative and is not one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from embedscope.audit.faults import Fault, Hit, counted, fault, hit, share_of
from embedscope.audit.subject import Subject
from embedscope.audit.weight_checks import Stated, hits_of, resampler_of, stated_negatives
from embedscope.data.collection import Collection, Row, excerpt, identity
from embedscope.data.text_features import placeholder, words
from embedscope.diagnose.near_duplicates import (
    NearPair,
    ask_the_same,
    folded,
    near_duplicates,
    say_the_same,
    split_words,
)
from embedscope.diagnose.second_opinion import Scorer, answers_as_well, denies_more
from embedscope.protocols import AttributeKind, AttributeReader, Float64Array, IntArray
from embedscope.result import Severity
from embedscope.stats.resampler import Resampler

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
    stated = stated_negatives(subject)
    if stated:
        resampler = resampler_of(subject, stated)
        yield from _positive_as_negative(subject, stated, resampler)
        yield from _kept_values(subject, stated, resampler)
        yield from _answering_negatives(subject, stated, resampler)
    if subject.collection is not None and subject.scorer is not None:
        yield from _mislabelled(subject, subject.collection, subject.scorer)
        yield from _unlabelled(subject, subject.collection, subject.scorer)
        yield from _near_duplicates(subject, subject.collection)
        yield from _near_duplicate_queries(subject, subject.collection)


def relevant_texts(subject: Subject) -> dict[str, set[str]]:
    """Texts that any row calls relevant, by query text."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in subject.rows:
        found[identity(row.query)].update(map(identity, row.positives))
    return found


def same_as(text: str, relevant: set[str]) -> str | None:
    """How ``text`` is one of the relevant texts: "" as it stands, else words for what differs; None if it is none."""
    if identity(text) in relevant:
        return ""
    if folded(text) in map(folded, relevant):
        return " but for case, punctuation, white space or Unicode form"
    return None


def _positive_as_negative(subject: Subject, stated: list[Stated], resampler: Resampler) -> Iterator[Fault]:
    relevant = relevant_texts(subject)

    def said(one: Stated) -> str | None:
        row = subject.rows[one.row]
        how = same_as(one.negative.text, relevant[identity(row.query)])
        if how is None:
            return None
        return f"{excerpt(row.query, 40)} has {excerpt(one.negative.text)} as positive and as hard negative{how}"

    hits = hits_of(subject, stated, said)
    if hits:
        n_rows = len({one.row for one in hits})
        yield fault(
            subject,
            "positive-also-negative",
            f"{counted(len(hits), 'hard negative is', 'hard negatives are')} a positive of the same query "
            f"({counted(n_rows, 'row', 'rows')} of {len(subject.rows):,})",
            Severity.HIGH,
            hits,
            units=resampler,
            action="Remove them from the hard negatives: training pulls and pushes the same pair. --fix does it.",
        )


def contradicted(row: Row, type_name: str, text: str, attributes: AttributeReader) -> bool:
    """Whether a negative of a type keeps the value of its kind that the positives of its row have."""
    answers = [attributes.keeps_value(type_name, positive, text) for positive in row.positives]
    return any(answer is True for answer in answers) and not any(answer is False for answer in answers)


def mislabels(row: Row, type_name: str, text: str, attributes: AttributeReader) -> bool:
    """Whether the negative ``text`` is not of that type: the value is the positive's, and nothing asked differs.

    Where only a part of the value is read the query decides: if it names a word that the positive has and the negative
    lacks, the type may be meant.
    """
    kind = attributes.kind_of_type(type_name)
    if kind is None or not contradicted(row, type_name, text, attributes):
        return False
    return _is_whole(kind) or not query_tells_apart(row, text)


def _is_whole(kind: AttributeKind) -> bool:
    return kind.read == kind.name


def query_tells_apart(row: Row, text: str) -> bool:
    """Whether the query names a word, a number or an initialism that a positive has and ``text`` lacks."""
    asked = _named(row.query)
    return any((asked & _named(positive)) - _named(text) for positive in row.positives)


def _named(text: str) -> set[str]:
    """Words without diacritics, each number with the word before it, and what two to four words are shortened to.

    The 25 of gate 25 is not that of 25 m; "jfk" is "John F. Kennedy".
    """
    listed = split_words(text)
    numbers = {f"{word} {number}" for word, number in pairwise(listed) if number.isdecimal()}
    short = [word if len(word) <= 2 else word[0] for word in listed]
    windows = ("".join(short[start : start + width]) for width in (2, 3, 4) for start in range(len(short) - width + 1))
    return {*listed, *numbers, *(initials for initials in windows if initials.isalpha() and len(initials) > 2)}


def _kept_values(subject: Subject, stated: list[Stated], resampler: Resampler) -> Iterator[Fault]:
    """Negatives that are typed by what they do not differ in."""
    relevant = relevant_texts(subject)
    attributes = subject.attributes
    for type_name, kind in _kinds_of_types(stated, attributes):
        own = [place for place, one in enumerate(stated) if type_name in one.negative.types]
        typed = [stated[place] for place in own]

        def said(one: Stated, type_name: str = type_name) -> str | None:
            row = subject.rows[one.row]
            if not contradicted(row, type_name, one.negative.text, attributes):
                return None
            if same_as(one.negative.text, relevant[identity(row.query)]) is not None:
                return None  # a finding of its own
            ours, theirs = _difference(row.positives[0], one.negative.text)
            return f"{excerpt(row.query)}: the positive alone has {ours}, the negative alone has {theirs}"

        hits = hits_of(subject, typed, said)
        if not hits:
            continue
        wrong = {
            h.unit: mislabels(subject.rows[typed[h.unit].row], type_name, typed[h.unit].negative.text, attributes)
            for h in hits
        }
        unclear = [one for one in hits if wrong[one.unit]]
        rest = [one for one in hits if not wrong[one.unit]]
        value = type_name if _is_whole(kind) else kind.read
        yield fault(
            subject,
            code_of_kept(type_name, kind),
            f"{len(hits):,} of {len(typed):,} '{type_name}' negatives state the positive's own {value}"
            + _unclear(kind, unclear),
            _severity_of_kept(kind, unclear),
            [*unclear, *rest],
            units=resampler.among(np.array(own, dtype=np.int64)),
            action=_action_for_kept(type_name, value, len(unclear)),
        )


def _kinds_of_types(stated: list[Stated], attributes: AttributeReader) -> list[tuple[str, AttributeKind]]:
    """The types that occur and are about a kind that can be read, in the order of the kinds."""
    names = sorted({name for one in stated for name in one.negative.types})
    kinds = {name: kind for name in names if (kind := attributes.kind_of_type(name)) is not None}
    return sorted(kinds.items(), key=lambda item: attributes.kinds.index(item[1]))


def code_of_kept(type_name: str, kind: AttributeKind) -> str:
    """The code of the finding that negatives of a type keep the positive's value."""
    return f"{type_name}-negative-keeps-{type_name if _is_whole(kind) else kind.read}"


def _severity_of_kept(kind: AttributeKind, unclear: Sequence[Hit]) -> Severity:
    if _is_whole(kind):
        return Severity.HIGH
    return Severity.MEDIUM if unclear else Severity.LOW


def _action_for_kept(type_name: str, value: str, n_unclear: int) -> str:
    if not n_unclear:
        return f"Nothing, where the query names what sets the two apart; else give the negative another {value}."
    return (
        f"Correct the {value} or the type of the first {n_unclear:,}: a model is taught to keep apart what is the "
        f"same. --fix takes the type '{type_name}' from these, and removes those that have no other type."
    )


def _unclear(kind: AttributeKind, unclear: Sequence[Hit]) -> str:
    if _is_whole(kind):
        return ""
    return f"; for {len(unclear):,} of them the query names nothing that tells the two apart"


def _difference(first: str, second: str) -> tuple[str, str]:
    """The words that only one of two texts has, in order, as they are shown."""
    ours, theirs = words(first), words(second)
    alone = [word for word in ours if word not in theirs], [word for word in theirs if word not in ours]
    shown = [excerpt(" ".join(part), 50) if part else "nothing" for part in alone]
    return shown[0], shown[1]


def _answering_negatives(subject: Subject, stated: list[Stated], resampler: Resampler) -> Iterator[Fault]:
    """Negatives that answer the query by their words, or that a base model clearly prefers to the positive."""
    relevant = relevant_texts(subject)
    opinion = subject.preferences
    preferred: frozenset[tuple[str, str]] = frozenset() if opinion is None else opinion.clearly
    n_preferred = 0

    def said(one: Stated) -> str | None:
        nonlocal n_preferred
        row = subject.rows[one.row]
        text = one.negative.text
        if same_as(text, relevant[identity(row.query)]) is not None:
            return None
        types = " + ".join(one.negative.types) or "untyped"
        if any(answers_as_well(row.query, positive, text, subject.attributes) for positive in row.positives):
            why = ""
        elif (identity(row.query), identity(text)) in preferred and not _is_substantiated(row, one, subject.attributes):
            n_preferred += 1
            why = f", which {opinion.name if opinion else ''} prefers to the positive"
        else:
            return None
        return f"{excerpt(row.query)} may also be answered by the negative ({types}) {excerpt(text, 90)}{why}"

    hits = hits_of(subject, stated, said)
    if hits and share_of(hits, resampler).at_least > LEAST_SHARE:
        also = (
            ""
            if opinion is None or not n_preferred
            else f" or {counted(n_preferred, 'is', 'are')} clearly preferred by {opinion.name}"
        )
        yield fault(
            subject,
            "negative-answers-query",
            f"{counted(len(hits), 'hard negative states', 'hard negatives state')} everything that the query and the "
            f"positive share{also} (of {len(stated):,}): suspected false negatives",
            Severity.MEDIUM,
            hits,
            units=resampler,
            action="Read them: where the negative answers the query, remove it or make the query name what it lacks.",
        )


def _is_substantiated(row: Row, one: Stated, attributes: AttributeReader) -> bool:
    """Whether a value or a denial that can be read makes the text a negative, whatever a model prefers."""
    text = one.negative.text
    differs = any(
        attributes.keeps_value(name, positive, text) is False
        for name in one.negative.types
        for positive in row.positives
    )
    denies = all(denies_more(text, positive, attributes) for positive in row.positives)
    return bool(attributes.conflicts(row.query, text)) or differs or denies


def _mislabelled(subject: Subject, collection: Collection, scorer: Scorer) -> Iterator[Fault]:
    """Positives that state other values than the query asks for, or say no more to it than a random document.

    The first are read from the texts and always reported; the second are a second opinion, which errs.
    """
    level = _positive_levels(collection, scorer)
    if subject.lexical is not None and subject.lexical is not scorer:
        level = np.maximum(level, _positive_levels(collection, subject.lexical))  # both must find it wrong
    suspects = [suspect for q in range(len(level)) if (suspect := _suspect(subject, collection, q, level[q]))]
    read = [one for is_read, _, one in suspects if is_read]
    scored = [one for is_read, _, one in sorted(suspects, key=lambda item: item[1]) if not is_read]
    if not scored or share_of(scored, subject.resampler).at_least <= LEAST_SHARE:
        scored = []
    found = [*read, *scored]
    if found:
        by = "by the values that they state" + (f" and by {scorer.name}" if scored else "")
        yield fault(
            subject,
            "positive-suspect",
            f"{counted(len(found), 'query has a positive that does', 'queries have a positive that does')} not fit it "
            f"(of {len(collection.queries):,}), {by}",
            Severity.HIGH,
            found,
            action="Read these rows and correct the positives; a wrong positive trains and tests the opposite.",
        )


def _suspect(subject: Subject, collection: Collection, q: int, level: float) -> tuple[bool, float, Hit] | None:
    """Whether the values were read, the level, and the hit; None where nothing speaks against the positive."""
    query = collection.queries[q]
    own = collection.relevant[collection.indptr[q] : collection.indptr[q + 1]]
    texts = [collection.documents[d] for d in own]
    if not texts or any(placeholder(text) is not None for text in texts):
        return None  # a finding of its own
    attributes = subject.attributes
    wrong = min((attributes.conflicts(query, text) for text in texts), key=len)
    is_read = len(wrong) > 1 or any(kind.is_exact for kind in attributes.kinds if kind.name in wrong)
    if not is_read and (
        level >= CHANCE_LEVEL or any(attributes.met_values(query, text, tolerance=TOLERANCE) for text in texts)
    ):
        return None
    unit = subject.rows_of_query[query][0]
    why = f"states another {' and '.join(wrong)}" if wrong else "says no more to it than a random document"
    said = f"{excerpt(query)} has the positive {excerpt(texts[0], 90)}, which {why}"
    return is_read, float(level), hit(subject, unit, said)


def _positive_levels(collection: Collection, scorer: Scorer) -> Float64Array:
    """Share of all documents that the best positive of each query scores above; NaN without positive; shape (Q,)."""
    level = np.full(len(collection.queries), np.nan)
    for start, block in scorer.blocks():
        for offset, scores in enumerate(block):
            q = start + offset
            own = collection.relevant[collection.indptr[q] : collection.indptr[q + 1]]
            if own.size:
                best = scores[own].max()
                level[q] = float((scores < best).mean() + 0.5 * (scores == best).mean())
    return level


def _unlabelled(subject: Subject, collection: Collection, scorer: Scorer) -> Iterator[Fault]:
    """Documents without a label for a query that answer it as its positive does."""
    negatives: dict[int, set[int]] = defaultdict(set)
    for q, d in zip(collection.negatives.queries.tolist(), collection.negatives.documents.tolist(), strict=True):
        negatives[q].add(d)
    hits = []
    for start, block in scorer.blocks():
        top = np.argsort(-block, axis=1, kind="stable")[:, : N_CANDIDATES + 8]
        for offset, places in enumerate(top):
            q = start + offset
            own = collection.relevant[collection.indptr[q] : collection.indptr[q + 1]]
            labelled = negatives[q] | set(own.tolist())
            unlabelled = [int(d) for d in places if int(d) not in labelled][:N_CANDIDATES]
            found = _also_answer(collection, q, own, unlabelled, subject.attributes)
            if found:
                hits.append((len(found), _unlabelled_hit(subject, collection, q, own, found)))
    found_hits = [one for _, one in sorted(hits, key=lambda item: -item[0])]
    if found_hits and share_of(found_hits, subject.resampler).at_least > LEAST_SHARE:
        yield fault(
            subject,
            "unlabelled-answer",
            f"{counted(len(found_hits), 'query is', 'queries are')} answered as well by a document that is not "
            f"labelled relevant to it (of {len(collection.queries):,}): suspected false negatives",
            Severity.MEDIUM,
            found_hits,
            action="Label these documents relevant too, or make the queries name what sets the positive apart; until "
            "then a model is marked wrong for finding them.",
        )


def _also_answer(
    collection: Collection, q: int, own: IntArray, candidates: Sequence[int], attributes: AttributeReader
) -> list[int]:
    query, texts = collection.queries[q], collection.documents
    return [d for d in candidates if any(answers_as_well(query, texts[p], texts[d], attributes) for p in own)]


def _unlabelled_hit(subject: Subject, collection: Collection, q: int, own: IntArray, found: Sequence[int]) -> Hit:
    unit = subject.rows_of_query[collection.queries[q]][0]
    positive, other = collection.documents[own[0]], collection.documents[found[0]]
    said = f"{excerpt(collection.queries[q])} with the positive {excerpt(positive, 80)} is also answered by "
    return hit(subject, unit, said + excerpt(other, 80))


def _near_duplicates(subject: Subject, collection: Collection) -> Iterator[Fault]:
    """Documents that nearly agree, of which one is relevant to a query and the other is not labelled for it."""
    known = _labelled_for_one_query(collection)
    alike = _relevant_to_one_query(collection)
    positives = set(np.unique(collection.relevant).tolist())
    hits, units = [], set()
    for pair in near_duplicates(collection.documents):
        first, second = collection.documents[pair.first], collection.documents[pair.second]
        # Labels that differ tell two texts apart only where the texts differ in more than their form.
        labelled = alike if folded(first) == folded(second) else known
        if not {pair.first, pair.second} & positives or (pair.first, pair.second) in labelled:
            continue
        if not say_the_same(first, second, subject.attributes.denials) or subject.differ_in_values(first, second):
            continue
        unit = _a_row_of(subject, collection, pair, positives)
        if unit not in units:
            units.add(unit)
            hits.append(hit(subject, unit, f"{excerpt(first, 90)} and {excerpt(second, 90)}"))
    if hits:
        yield fault(
            subject,
            "near-duplicate-documents",
            f"{counted(len(hits), 'row has', 'rows have')} a positive with a near duplicate that is not labelled for "
            f"the same query (of {len(subject.rows):,})",
            Severity.MEDIUM,
            hits,
            action="Merge the near duplicates or label both relevant; which of the two ranks first is chance.",
        )


def _labelled_for_one_query(collection: Collection) -> set[tuple[int, int]]:
    """Pairs of documents that some query has both among its labels, so that the data set tells them apart."""
    labels: dict[int, set[int]] = defaultdict(set)
    owners = np.repeat(np.arange(len(collection.queries)), np.diff(collection.indptr))
    for q, d in zip(owners.tolist(), collection.relevant.tolist(), strict=True):
        labels[q].add(d)
    for q, d in zip(collection.negatives.queries.tolist(), collection.negatives.documents.tolist(), strict=True):
        labels[q].add(d)
    groups: dict[int, set[int]] = defaultdict(set)  # by relevant document: its queries state one family of texts
    for q, d in zip(owners.tolist(), collection.relevant.tolist(), strict=True):
        groups[d] |= labels[q]
    return {(a, b) for own in groups.values() for a in own for b in own if a < b}


def _relevant_to_one_query(collection: Collection) -> set[tuple[int, int]]:
    """Pairs of documents that are relevant to one query."""
    lists = (collection.relevant[a:b].tolist() for a, b in pairwise(collection.indptr.tolist()))
    return {(a, b) for own in lists for a in own for b in own if a < b}


def _near_duplicate_queries(subject: Subject, collection: Collection) -> Iterator[Fault]:
    """Queries that say the same and have other positives: what one teaches the other forbids, or does not know."""
    lists = [collection.relevant[a:b].tolist() for a, b in pairwise(collection.indptr.tolist())]
    answers = [{folded(collection.documents[d]) for d in own} for own in lists]
    refused: dict[int, set[str]] = defaultdict(set)
    for q, d in zip(collection.negatives.queries.tolist(), collection.negatives.documents.tolist(), strict=True):
        refused[q].add(folded(collection.documents[d]))
    crossed: list[Hit] = []
    other: list[Hit] = []
    units: set[int] = set()
    for pair in near_duplicates(collection.queries):
        i, j = pair.first, pair.second
        if not answers[i] or not answers[j] or answers[i] == answers[j]:
            continue
        first, second = collection.queries[i], collection.queries[j]
        if not ask_the_same(first, second, subject.attributes.denials) or subject.differ_in_values(first, second):
            continue
        unit = int(subject.units[j])
        if unit in units:
            continue
        units.add(unit)
        is_crossed = bool(answers[i] & refused[j] or answers[j] & refused[i])
        name, earlier = subject.raw.row_name, int(subject.numbers[subject.units[i]])
        how = "the positive of one is a hard negative of the other" if is_crossed else "their positives differ"
        said = f"{excerpt(second)} asks what {name} {earlier} asks ({excerpt(first)}); {how}"
        (crossed if is_crossed else other).append(hit(subject, unit, said))
    if crossed or other:
        n = len(crossed) + len(other)
        yield fault(
            subject,
            "near-duplicate-queries",
            f"{counted(n, 'query says', 'queries say')} the same as an earlier one and "
            f"{'has' if n == 1 else 'have'} other positives (of {len(collection.queries):,})"
            + (f"; {len(crossed):,} of them cross-labelled" if crossed else ""),
            Severity.HIGH if crossed else Severity.MEDIUM,
            [*crossed, *other],
            action="Give such queries the positives of both, or say in them what sets the positives apart; until then "
            "a model is marked wrong for one of the two.",
        )


def _a_row_of(subject: Subject, collection: Collection, pair: NearPair, positives: set[int]) -> int:
    document = pair.first if pair.first in positives else pair.second
    entry = int(np.flatnonzero(collection.relevant == document)[0])
    query = int(np.searchsorted(collection.indptr, entry, side="right")) - 1
    return subject.rows_of_query[collection.queries[query]][0]
