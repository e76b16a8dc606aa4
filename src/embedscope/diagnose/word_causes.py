"""Causes that the words of a query show: which of them the right document has and the winner lacks, and the reverse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.diagnose.losses import Cause, Losses
from embedscope.diagnose.modes import FailureMode
from embedscope.diagnose.second_opinion import Scorer, denies_more
from embedscope.diagnose.shared_words import Shared, Vocabulary, WordKind, quoted, terms
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, BoolArray

COVERED = 0.8
"""Share of the weight of a query's telling words that an answer has, where nobody judged it, to be taken for one."""

LEAST_ALIKE = 5
"""Other documents with all the words that query and right document share, from which the query says too little."""

_MODE_OF_KIND = {
    WordKind.NEGATION: FailureMode.NEGATION,
    WordKind.NUMBER: FailureMode.NUMBER,
    WordKind.NAME: FailureMode.NAME,
    WordKind.RARE: FailureMode.RARE,
    WordKind.WORD: FailureMode.WORD,
}


def word_causes(
    losses: Losses,
    vocabulary: Vocabulary,
    opinion: Scorer,
    read_ends: Mapping[str, int],
    attributes: AttributeReader = NO_ATTRIBUTES,
) -> dict[FailureMode, Cause]:
    """What the words of every failed query show.

    A query has one of these causes at most. Where the right document has telling words of the query that the winner
    lacks, of more weight than the reverse, the most telling one decides by its kind; where the winner lacks all of
    several, it has nothing to do with the query.

    Parameters
    ----------
    opinion : Scorer
        Has to prefer a winner that is taken for an answer.
    read_ends : mapping of text to number of characters
        Where the model stops reading a text that is too long for it.
    """
    ours, theirs = (opinion.pairs(losses.rows, of[losses.rows]) for of in (losses.right, losses.wrong))
    found: dict[FailureMode, dict[int, str]] = defaultdict(dict)
    for row, is_preferred in zip(losses.rows.tolist(), (theirs >= ours).tolist(), strict=True):
        case = _Case(losses, row, vocabulary, shared_words(losses, vocabulary, row), read_ends, attributes)
        shown = case.cut_off() or (case.unjudged() if is_preferred else None) or case.by_words()
        if shown is not None:
            mode, evidence = shown
            found[mode][row] = evidence
    return dict(found)


def shared_words(losses: Losses, vocabulary: Vocabulary, row: int) -> Shared:
    """The telling words of a query by which of its right and its wrong document have them."""
    right, wrong = (vocabulary.held(int(of[row])) for of in (losses.right, losses.wrong))
    return vocabulary.shared(losses.queries.texts[row], right, wrong)


def in_other_words(losses: Losses, vocabulary: Vocabulary) -> tuple[BoolArray, BoolArray]:
    """Queries whose right document lacks their telling words, and those that share more with their wrong document."""
    gap, lured = (np.zeros(len(losses.queries.texts), dtype=bool) for _ in range(2))
    for row in np.flatnonzero(losses.wrong >= 0).tolist():
        words = shared_words(losses, vocabulary, row)
        gap[row] = vocabulary.is_in_other_words(words)
        lured[row] = not gap[row] and vocabulary.lead(words) < 0
    return gap, lured


Found = tuple[FailureMode, str] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    losses: Losses
    row: int
    vocabulary: Vocabulary
    words: Shared
    read_ends: Mapping[str, int]
    attributes: AttributeReader

    def cut_off(self) -> Found:
        """Whether the right document has fewer words than the winner in what the model reads of both, and not whole."""
        texts = self.losses.texts(self.row)[1:]
        if texts[0] not in self.read_ends:
            return None
        right, wrong = (terms(text[: self.read_ends.get(text, len(text))]) for text in texts)
        read = self.vocabulary.shared(self.losses.queries.texts[self.row], right, wrong)
        unread = [term for term in (*self.words.missed, *self.words.both) if term not in right]
        if not unread or self.vocabulary.lead(self.words) < 0 or self.vocabulary.lead(read) >= 0:
            return None
        end = self.read_ends[texts[0]]
        return FailureMode.CUT_OFF, (
            f"{self._quoted(unread)} stand{'s' * (len(unread) == 1)} in the right document only after character "
            f"{end:,}, where the model stops reading"
        )

    def unjudged(self) -> Found:
        """Whether the winner, which is no stated negative, has nearly all telling words, the right one none more."""
        words, query = self.words, self.losses.texts(self.row)
        had = (*words.lured, *words.both)
        asked = self.vocabulary.weights((*had, *words.neither, *words.unknown))
        if self.losses.queries.wrong_type[self.row] or words.missed or len(had) < 2:
            return None
        if self.vocabulary.weights(had) < COVERED * asked or denies_more(query[2], query[1], self.attributes):
            return None
        return FailureMode.UNJUDGED, f"'{self.losses.winner(self.row)}' has {self._quoted(had)} of the query"

    def by_words(self) -> Found:
        """What the difference of the words shows."""
        words, vocabulary = self.words, self.vocabulary
        if vocabulary.is_in_other_words(words):
            absent = (*words.lured, *words.neither, *words.unknown)
            return FailureMode.GAP, f"the right document does not have {self._quoted(absent, 'or')}"
        lead = vocabulary.lead(words)
        if lead < 0:
            return FailureMode.LURE, f"{self._are(words.lured)} in the winner, not in the right document"
        if lead > 0:
            evidence = f"{self._are(words.missed)} in the right document, not in the winner"
            if len(words.missed) > 1 and not words.both and not words.lured:
                return FailureMode.UNRELATED, evidence
            return _MODE_OF_KIND[vocabulary.kind(words.missed[0])], evidence
        if words.missed or words.lured:
            return None
        if not words.both:
            return FailureMode.VAGUE, "every word of the query is in many documents"
        alike = vocabulary.n_with(frozenset(words.both)) - 1
        if alike < LEAST_ALIKE:
            return None
        return FailureMode.VAGUE, f"{alike:,} other documents have {self._quoted(words.both)} too"

    def _quoted(self, chosen: Sequence[str], joint: str = "and") -> str:
        return quoted(chosen, self.vocabulary.written(self.losses.queries.texts[self.row]), joint)

    def _are(self, chosen: Sequence[str]) -> str:
        return f"{self._quoted(chosen)} {'is' if len(chosen) == 1 else 'are'}"
