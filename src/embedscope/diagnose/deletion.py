"""Which words decide a failure: each left out in turn, the text encoded again, and the two scores compared.

What leaving out a word does is exact by definition: the model reads the shorter text. Nothing is approximated but the
choice of what to leave out, which in a long text falls on the sentences that decide (`MOST_WORDS`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from embedscope.diagnose.text_parts import Span, respelt, sentence_spans, without, word_spans
from embedscope.errors import InvalidEmbeddingsError
from embedscope.measure.query_tables import is_right
from embedscope.measure.ranked import Ranked
from embedscope.measure.scoring import rank_values
from embedscope.models.embed import Encode
from embedscope.protocols import BoolArray, Float32Array, Float64Array, IntArray, ProgressCallback
from embedscope.result import DecidingWord, Deletion, Explanation, Explanations, TextRole
from embedscope.stats.resampler import Resampler

MOST_WORDS = 64
"""Words of a text that are left out one by one. In a longer text each sentence is left out first; then the words of
those sentences whose loss helps the right document most, as many whole sentences as fit, and at least the first words of
one."""

FAILURES_AT_A_TIME = 32
"""Failures whose texts are encoded together: vectors of some thousand texts are in memory at once."""

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
    return np.flatnonzero(~ranked.query_table.is_correct & (ranked.query_table.wrong_document >= 0))


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
    progress: ProgressCallback,
) -> Explanations:
    """What leaving out each word of the three texts of each failure does.

    With ``d = s(right) - s(wrong)``, the change of a deletion is ``d`` of the shortened text minus ``d`` of the texts as
    they are. A deletion puts the right document first where it then leads every document that is not relevant: for a
    word of the query all documents are ranked again, for a word of a document that document is moved in the ranking.

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
    progress : callable
        Told how many failures are done.
    """
    found: list[Explanation] = []
    seen: set[tuple[bool, str]] = set()
    progress(0, len(rows))
    for start in range(0, len(rows), FAILURES_AT_A_TIME):
        failures = [failure_of(ranked, int(row)) for row in rows[start : start + FAILURES_AT_A_TIME]]
        found += _Turn(ranked, documents, failures, encoders, seed, seen).explanations()
        progress(len(found), len(rows))
    chosen = np.array(rows, dtype=np.int64)
    helped = np.array([any(one.puts_right_first for one in each.deletions) for each in found], dtype=bool)
    return Explanations(
        n_failures=n_failures,
        n_texts=len(seen),
        one_word=ranked.query_set.resampler.among(chosen).share(helped),
        deciding=deciding_words(found, ranked),
        failures=tuple(found),
        pairs=(),
    )


def deciding_words(explanations: Iterable[Explanation], ranked: Ranked) -> tuple[DecidingWord, ...]:
    """The words whose deletion helps most, in lower case, by the text that they stand in; the most frequent first."""
    counts = Counter(
        (word_of(each.best, each, ranked), each.best.role) for each in explanations if each.best is not None
    )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(DecidingWord(word, role, n) for (word, role), n in ordered)


def word_of(deletion: Deletion, explanation: Explanation, ranked: Ranked) -> str:
    """The word that was left out, in lower case."""
    text = text_of(deletion.role, explanation, ranked)
    return text[deletion.start : deletion.end].casefold()


def text_of(role: TextRole, explanation: Explanation, ranked: Ranked) -> str:
    """One of the three texts of a failure."""
    if role is TextRole.QUERY:
        return ranked.query_table.texts[explanation.query]
    return ranked.document_table.texts[explanation.right if role is TextRole.RIGHT else explanation.wrong]


@dataclass(frozen=True, slots=True)
class _Turn:
    """Some failures, whose variants are encoded together."""

    ranked: Ranked
    documents: Float32Array
    failures: list[Failure]
    encoders: Encoders
    seed: int
    seen: set[tuple[bool, str]]  # texts encoded so far, and whether as a query

    def explanations(self) -> list[Explanation]:
        """What is found, one a failure."""
        before = self._differences()
        spans = self._chosen_words(before)
        left_out = [variant for (i, role), own in spans.items() for variant in shortened(self.failures[i], i, role, own)]
        misspelt = [
            Variant(v.failure, v.role, v.span, respelt(self._text(v), v.span, seed=self.seed))
            for v in left_out
            if v.role is TextRole.QUERY
        ]
        effects = self._effects([*left_out, *misspelt])
        changes = effects.difference - before[[v.failure for v in (*left_out, *misspelt)]]
        is_first = self._puts_right_first(left_out, effects)
        made = []
        for place, failure in enumerate(self.failures):
            own = [k for k, v in enumerate(left_out) if v.failure == place and np.isfinite(changes[k])]
            noise = [abs(changes[len(left_out) + k]) for k, v in enumerate(misspelt) if v.failure == place]
            deletions = tuple(
                Deletion(left_out[k].role, *left_out[k].span, float(changes[k]), bool(is_first[k])) for k in own
            )
            made.append(_explanation(failure, float(before[place]), noise, deletions))
        return made

    def _text(self, variant: Variant) -> str:
        return self.failures[variant.failure].texts[variant.role]

    def _chosen_words(self, before: Float64Array) -> dict[tuple[int, TextRole], list[Span]]:
        """The words that are left out of each text of each failure."""
        words = {(i, role): word_spans(text) for i, each in enumerate(self.failures) for role, text in each.texts.items()}
        long = [key for key, spans in words.items() if len(spans) > MOST_WORDS]
        parts = [
            variant
            for i, role in long
            for variant in shortened(self.failures[i], i, role, sentence_spans(self.failures[i].texts[role]))
        ]
        effects = self._effects(parts)
        gains = effects.difference - before[[part.failure for part in parts]]
        for key in long:
            own = [k for k, part in enumerate(parts) if (part.failure, part.role) == key]
            by_gain = sorted(own, key=lambda k: (-np.nan_to_num(gains[k], nan=-np.inf), k))
            words[key] = _words_within([parts[k].span for k in by_gain], words[key])
        return words

    def _rows(self, failures: Sequence[Failure]) -> dict[TextRole, Float64Array]:
        """Vectors of the three texts of each failure, (n, dim) each."""
        return {
            TextRole.QUERY: self.ranked.queries[[each.query for each in failures]].astype(np.float64),
            TextRole.RIGHT: self.documents[[each.right for each in failures]].astype(np.float64),
            TextRole.WRONG: self.documents[[each.wrong for each in failures]].astype(np.float64),
        }

    def _differences(self) -> Float64Array:
        """``s(right) - s(wrong)`` of each failure as its texts are."""
        return _scores(self._rows(self.failures)).difference

    def _effects(self, variants: Sequence[Variant]) -> _Effects:
        """Scores of right and wrong document with each variant in the place of its text."""
        rows = self._rows([self.failures[v.failure] for v in variants])
        for role, own in rows.items():
            places = [k for k, v in enumerate(variants) if v.role is role]
            own[places] = self._encoded([variants[k].text for k in places], is_query=role is TextRole.QUERY)
        return _scores(rows)

    def _encoded(self, texts: Sequence[str], *, is_query: bool) -> Float32Array:
        self.seen.update((is_query, text) for text in texts)
        encode = self.encoders.query if is_query else self.encoders.document
        dim = self.documents.shape[1]
        return _vectors(encode, texts, dim) if texts else np.zeros((0, dim), dtype=np.float32)

    def _puts_right_first(self, variants: Sequence[Variant], effects: _Effects) -> BoolArray:
        """Whether the right document leads all that are not relevant, by more than a tie."""
        n, tolerance = len(variants), self.ranked.scores.counts.tolerance
        of_query = np.array([v.role is TextRole.QUERY for v in variants], dtype=bool)
        others = np.array([self.failures[v.failure].others for v in variants])
        leads = effects.right[:n] > effects.wrong[:n] + tolerance
        is_first = leads & ~of_query & (effects.right[:n] > others + tolerance)
        again = np.flatnonzero(leads & of_query)
        if len(again):
            rows = np.array([self.failures[variants[k].failure].query for k in again], dtype=np.int64)
            judgments = self.ranked.query_set.judgments.select(rows)
            values = rank_values(
                effects.queries[again].astype(np.float32), self.documents, judgments, (_RANK_1,), tolerance=tolerance
            )
            is_first[again] = is_right(values[_RANK_1])
        return np.asarray(is_first, dtype=bool)


def _scores(rows: dict[TextRole, Float64Array]) -> _Effects:
    queries = rows[TextRole.QUERY]
    right, wrong = ((queries * rows[role]).sum(axis=1) for role in (TextRole.RIGHT, TextRole.WRONG))
    return _Effects(right, wrong, queries)


def shortened(failure: Failure, place: int, role: TextRole, spans: Sequence[Span]) -> list[Variant]:
    """A text without each of some spans; a text of which no word would stay is no variant."""
    text = failure.texts[role]
    variants = [Variant(place, role, span, without(text, span)) for span in spans]
    return [variant for variant in variants if any(map(str.isalnum, variant.text))]


def _words_within(sentences: Sequence[Span], words: Sequence[Span]) -> list[Span]:
    """Words of the first of these sentences, whole sentences as long as they fit, in the order of the text."""
    chosen: list[Span] = []
    for start, end in sentences:
        own = [word for word in words if start <= word[0] and word[1] <= end]
        if len(chosen) + len(own) > MOST_WORDS:
            break
        chosen += own
    if not chosen and sentences:
        start, end = sentences[0]
        chosen = [word for word in words if start <= word[0] and word[1] <= end][:MOST_WORDS]
    return sorted(chosen or words[:MOST_WORDS])


def _vectors(encode: Encode, texts: Sequence[str], dim: int) -> Float32Array:
    """Vectors of texts, (n, dim); NaN for a text that the model has none for, such as one of unknown words only."""
    try:
        return encode(texts)
    except InvalidEmbeddingsError:
        if len(texts) == 1:
            return np.full((1, dim), np.nan, dtype=np.float32)
    middle = len(texts) // 2
    return np.concatenate([_vectors(encode, texts[:middle], dim), _vectors(encode, texts[middle:], dim)])


def _explanation(
    failure: Failure, difference: float, noise: Sequence[float], deletions: tuple[Deletion, ...]
) -> Explanation:
    known = [each for each in noise if np.isfinite(each)]
    floor = float(np.median(known)) if known else 0.0
    best = max(deletions, key=lambda each: each.change, default=None)
    query = failure.texts[TextRole.QUERY]
    unseen = [d for d in deletions if d.role is TextRole.QUERY and abs(d.change) <= floor]
    return Explanation(
        query=failure.query,
        right=failure.right,
        wrong=failure.wrong,
        difference=difference,
        noise=floor,
        best=best if best is not None and best.change > 0 else None,
        unseen=tuple(dict.fromkeys(query[d.start : d.end] for d in unseen)),
        deletions=deletions,
    )
