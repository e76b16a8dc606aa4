"""Which words decide a failure: each left out in turn, the text encoded again, and the two scores compared.

What leaving out a word does is exact by definition: the model reads the shorter text. Nothing is approximated but the
choice of what to leave out, which in a long text falls on the sentences that decide (`MOST_WORDS`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from embedscope.diagnose.text_parts import Span, parts, respelt, without, word_spans
from embedscope.errors import InvalidEmbeddingsError
from embedscope.measure.query_tables import is_right
from embedscope.measure.ranked import Ranked
from embedscope.measure.scoring import rank_values
from embedscope.models.embed import Encode
from embedscope.protocols import BoolArray, Float32Array, Float64Array, IntArray, ProgressCallback
from embedscope.result import DecidingWord, Deletion, DocumentTable, Explanation, Explanations, QueryTable, TextRole

MOST_WORDS = 24
"""Words of a text that are left out one by one. Of a longer text each part (`text_parts.parts`) is left out first; then
the words of those parts whose loss helps the right document most, as many whole parts as fit, or the first words of the
one."""

MOST_MISSPELT = 4
"""Words of a query that are misspelt to learn what a change without meaning does."""

FAILURES_AT_A_TIME = 8
"""Failures whose texts are encoded together: vectors of some hundred texts are in memory at once."""

UNSEEN = 0.1
"""Part of what misspelling a word of the query changes a score by: the model does not see a word whose deletion changes
neither score by more."""

_RANK_1 = "Success@1"


@dataclass(frozen=True, slots=True)
class Encoders:
    """How a changed text becomes a vector, by its role."""

    query: Encode
    document: Encode


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed query, the best relevant document and the best other one, with what the ranking says of them."""

    query: int  # row in QueryTable
    right: int  # row in DocumentTable
    wrong: int
    texts: dict[TextRole, str]
    others: float  # score of the best document that is neither relevant nor ``wrong``


@dataclass(frozen=True, slots=True)
class Variant:
    """One text of a failure, changed at a span."""

    failure: int  # place in the list of failures
    role: TextRole
    span: Span
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class _Effects:
    """What variants do: scores of right and wrong document, (V,); NaN where the model has no vector for a variant."""

    right: Float64Array
    wrong: Float64Array
    queries: Float64Array  # (V, dim) vectors of the queries

    @property
    def difference(self) -> Float64Array:
        return self.right - self.wrong


def failed_rows(ranked: Ranked) -> IntArray:
    """Queries that are not right at rank 1 and have a document that is not relevant."""
    return ranked.query_table.lost


def failure_of(ranked: Ranked, row: int) -> Failure:
    """The failed query of a row, with its two documents."""
    queries, texts = ranked.query_table, ranked.document_table.texts
    right, wrong = queries.best_relevant(row), int(queries.wrong_document[row])
    return Failure(
        query=row,
        right=right,
        wrong=wrong,
        texts={TextRole.QUERY: queries.texts[row], TextRole.RIGHT: texts[right], TextRole.WRONG: texts[wrong]},
        others=_best_other(ranked, row, wrong),
    )


def _best_other(ranked: Ranked, row: int, wrong: int) -> float:
    """Score of the best document that is neither relevant nor ``wrong``; where the list ends before it, its bound."""
    listed, scores = ranked.scores.top_documents[row], ranked.scores.top_scores[row]
    is_other = ~ranked.query_set.judgments.select(np.array([row])).are_relevant(listed[np.newaxis])[0]
    found = np.flatnonzero(is_other & (listed >= 0) & (listed != wrong))
    if len(found):
        return float(scores[found[0]])
    is_whole = listed[-1] < 0 or len(listed) == ranked.query_set.judgments.n_documents
    return -np.inf if is_whole else float(scores[-1])


def explain_failures(
    ranked: Ranked,
    documents: Float32Array,
    rows: Sequence[int],
    encoders: Encoders,
    *,
    seed: int,
    n_failures: int,
    limit: str,
    progress: ProgressCallback,
) -> Explanations:
    """What leaving out each word of the three texts of each failure does.

    With ``d = s(right) - s(wrong)``, the change of a deletion is ``d`` with the shortened text minus ``d`` with the
    texts as they are. A deletion puts the right document first where it then leads every document that is not relevant:
    for a word of the query all documents are ranked again, for a word of a document that document is moved.

    Parameters
    ----------
    ranked : Ranked
    documents : ndarray of shape (N, dim), float32
        As they are compared.
    rows : sequence of int
        Failed queries to look at, as rows of the query table.
    encoders : Encoders
    seed : int
        Of the random spellings.
    n_failures : int
        Failed queries in all.
    limit : str
        Why no more of them are looked at.
    progress : callable
        Told how many failures are done.
    """
    found: list[Explanation] = []
    seen: set[tuple[bool, str]] = set()
    progress(0, len(rows))
    for start in range(0, len(rows), FAILURES_AT_A_TIME):
        failures = [failure_of(ranked, int(row)) for row in rows[start : start + FAILURES_AT_A_TIME]]
        puts_first = partial(_put_first, ranked, documents, failures)
        found += _Turn(failures, _vectors_of(ranked, documents, failures), encoders, seed, seen, puts_first).found()
        progress(len(found), len(rows))
    chosen = np.array(rows, dtype=np.int64)
    helped = np.array([any(one.puts_right_first for one in each.deletions) for each in found], dtype=bool)
    return Explanations(
        n_failures=n_failures,
        n_texts=len(seen),
        one_word=ranked.query_set.resampler.among(chosen).share(helped),
        deciding=deciding_words(found, ranked.query_table, ranked.document_table),
        failures=tuple(found),
        pairs=(),
        limit=limit,
    )


def deciding_words(
    explanations: Iterable[Explanation], queries: QueryTable, documents: DocumentTable
) -> tuple[DecidingWord, ...]:
    """The words whose deletion helps most, in lower case, by the text that they stand in; the most frequent first."""
    counts = Counter(
        (each.word(each.best, queries, documents).casefold(), each.best.role)
        for each in explanations
        if each.best is not None
    )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(DecidingWord(word, role, n) for (word, role), n in ordered)


def explain_pair(
    texts: Mapping[TextRole, str], vectors: Mapping[TextRole, Float32Array], encoders: Encoders, *, seed: int
) -> Explanation:
    """What leaving out each word of a query and of two documents does, as `explain_failures` has it, without a ranking.

    Parameters
    ----------
    texts : mapping
        The query, the document that stands first (``TextRole.RIGHT``) and the other one, in NFC.
    vectors : mapping
        Of the three texts, shape (dim,) each, as they are compared.

    Returns
    -------
    Explanation
        Its rows are 0, and of no deletion is said whether it puts the first document first.
    """
    failure = Failure(query=0, right=0, wrong=0, texts=dict(texts), others=np.inf)
    rows = {role: vector[np.newaxis].astype(np.float64) for role, vector in vectors.items()}
    return _Turn([failure], rows, encoders, seed, set(), lambda variants, effects: set()).found()[0]


@dataclass(frozen=True, slots=True)
class _Turn:
    """Some failures, whose variants are encoded together."""

    failures: list[Failure]
    vectors: Mapping[TextRole, Float64Array]  # (F, dim) each, of the texts as they are
    encoders: Encoders
    seed: int
    seen: set[tuple[bool, str]]  # texts encoded so far, and whether as a query
    puts_first: Callable[[Sequence[Variant], _Effects], set[int]]  # the variants that put the right document first

    def found(self) -> list[Explanation]:
        """What is found, one a failure."""
        before = _scores(self.vectors)
        spans = self._chosen_words(before.difference)
        left_out = [v for (i, role), own in spans.items() for v in shortened(self.failures[i], i, role, own)]
        misspelt = [
            Variant(i, TextRole.QUERY, span, respelt(each.texts[TextRole.QUERY], span, seed=self.seed))
            for i, each in enumerate(self.failures)
            for span in spread(spans[i, TextRole.QUERY])
        ]
        changes = self._effects([*left_out, *misspelt])
        first = self.puts_first(left_out, changes)
        of = [v.failure for v in (*left_out, *misspelt)]
        rise = changes.difference - before.difference[of]
        moved = np.maximum(abs(changes.right - before.right[of]), abs(changes.wrong - before.wrong[of]))
        made = []
        for place, failure in enumerate(self.failures):
            own = [k for k, v in enumerate(left_out) if v.failure == place and np.isfinite(rise[k])]
            noise = [len(left_out) + k for k, v in enumerate(misspelt) if v.failure == place]
            made.append(
                _explanation(
                    failure,
                    difference=float(before.difference[place]),
                    noise=_median(abs(rise[noise])),
                    deletions=[Deletion(left_out[k].role, *left_out[k].span, float(rise[k]), k in first) for k in own],
                    is_unseen=moved[own] <= UNSEEN * _median(moved[noise]),
                )
            )
        return made

    def _chosen_words(self, before: Float64Array) -> dict[tuple[int, TextRole], list[Span]]:
        """The words that are left out of each text of each failure."""
        words = {
            (i, role): word_spans(text) for i, each in enumerate(self.failures) for role, text in each.texts.items()
        }
        long = [key for key, spans in words.items() if len(spans) > MOST_WORDS]
        left_out = [
            variant
            for i, role in long
            for variant in shortened(self.failures[i], i, role, parts(self.failures[i].texts[role], words[i, role]))
        ]
        gains = self._effects(left_out).difference - before[[v.failure for v in left_out]]
        for key in long:
            own = [k for k, v in enumerate(left_out) if (v.failure, v.role) == key]
            by_gain = sorted(own, key=lambda k: (-np.nan_to_num(gains[k], nan=-np.inf), k))
            words[key] = words_within([left_out[k].span for k in by_gain], words[key])
        return words

    def _effects(self, variants: Sequence[Variant]) -> _Effects:
        """Scores of right and wrong document with each variant in the place of its text."""
        of = np.array([v.failure for v in variants], dtype=np.int64)
        rows = {role: vectors[of] for role, vectors in self.vectors.items()}
        for role, own in rows.items():
            places = [k for k, v in enumerate(variants) if v.role is role]
            own[places] = self._encoded([variants[k].text for k in places], is_query=role is TextRole.QUERY)
        return _scores(rows)

    def _encoded(self, texts: Sequence[str], *, is_query: bool) -> Float32Array:
        self.seen.update((is_query, text) for text in texts)
        encode = self.encoders.query if is_query else self.encoders.document
        dim = self.vectors[TextRole.QUERY].shape[1]
        return _vectors(encode, texts, dim) if texts else np.zeros((0, dim), dtype=np.float32)


def _vectors_of(ranked: Ranked, documents: Float32Array, failures: Sequence[Failure]) -> dict[TextRole, Float64Array]:
    """Vectors of the three texts of each failure, (F, dim) each."""
    return {
        TextRole.QUERY: ranked.queries[[each.query for each in failures]].astype(np.float64),
        TextRole.RIGHT: documents[[each.right for each in failures]].astype(np.float64),
        TextRole.WRONG: documents[[each.wrong for each in failures]].astype(np.float64),
    }


def _put_first(
    ranked: Ranked,
    documents: Float32Array,
    failures: Sequence[Failure],
    variants: Sequence[Variant],
    effects: _Effects,
) -> set[int]:
    """Places of the variants with which the right document leads all that are not relevant by more than a tie."""
    tolerance = ranked.scores.counts.tolerance
    leads = [k for k in range(len(variants)) if effects.right[k] > effects.wrong[k] + tolerance]
    again = [k for k in leads if variants[k].role is TextRole.QUERY]
    first = {k for k in leads if effects.right[k] > failures[variants[k].failure].others + tolerance}
    rows = np.array([failures[variants[k].failure].query for k in again], dtype=np.int64)
    queries, judgments = effects.queries[again].astype(np.float32), ranked.query_set.judgments.select(rows)
    values = rank_values(queries, documents, judgments, (_RANK_1,), tolerance=tolerance)
    return first - set(again) | {again[place] for place in np.flatnonzero(is_right(values[_RANK_1]))}


def _scores(rows: Mapping[TextRole, Float64Array]) -> _Effects:
    queries = rows[TextRole.QUERY]
    right, wrong = ((queries * rows[role]).sum(axis=1) for role in (TextRole.RIGHT, TextRole.WRONG))
    return _Effects(right, wrong, queries)


def shortened(failure: Failure, place: int, role: TextRole, spans: Sequence[Span]) -> list[Variant]:
    """A text without each of some spans; a text of which no word would stay is no variant."""
    text = failure.texts[role]
    variants = [Variant(place, role, span, without(text, span)) for span in spans]
    return [variant for variant in variants if any(map(str.isalnum, variant.text))]


def words_within(ordered_parts: Sequence[Span], words: Sequence[Span]) -> list[Span]:
    """Words of the first of these parts, whole parts as long as they fit, in the order of the text."""
    chosen: list[Span] = []
    for start, end in ordered_parts:
        own = [word for word in words if start <= word[0] < end]
        if chosen and len(chosen) + len(own) > MOST_WORDS:
            break
        chosen += own[:MOST_WORDS]
    return sorted(chosen)


def spread(spans: Sequence[Span]) -> list[Span]:
    """`MOST_MISSPELT` of the spans at most, spread evenly."""
    n = min(len(spans), MOST_MISSPELT)
    return [spans[place * len(spans) // n] for place in range(n)]


def planned_texts(failure: Failure) -> list[str]:
    """About what looking at a failure encodes: the first words of a long text stand for those that will decide."""
    planned = []
    for role, text in failure.texts.items():
        words = word_spans(text)
        spans = words[:MOST_WORDS] + (parts(text, words) if len(words) > MOST_WORDS else [])
        planned += [without(text, span) for span in spans]
        planned += [text] * (len(spread(words)) if role is TextRole.QUERY else 0)
    return planned


def _vectors(encode: Encode, texts: Sequence[str], dim: int) -> Float32Array:
    """Vectors of texts, (n, dim); NaN for a text that the model has none for, such as one of unknown words only."""
    try:
        return encode(texts)
    except InvalidEmbeddingsError:
        if len(texts) == 1:
            return np.full((1, dim), np.nan, dtype=np.float32)
    middle = len(texts) // 2
    return np.concatenate([_vectors(encode, texts[:middle], dim), _vectors(encode, texts[middle:], dim)])


def _median(values: Float64Array) -> float:
    """Median of what is finite; 0 of nothing."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _explanation(
    failure: Failure, *, difference: float, noise: float, deletions: Sequence[Deletion], is_unseen: BoolArray
) -> Explanation:
    best = max(deletions, key=lambda each: each.change, default=None)
    query = failure.texts[TextRole.QUERY]
    unseen = [d for d, hidden in zip(deletions, is_unseen, strict=True) if hidden and d.role is TextRole.QUERY]
    return Explanation(
        query=failure.query,
        right=failure.right,
        wrong=failure.wrong,
        difference=difference,
        noise=noise,
        best=best if best is not None and best.change > 0 else None,
        unseen=tuple(dict.fromkeys(query[d.start : d.end] for d in unseen)),
        deletions=tuple(deletions),
    )
