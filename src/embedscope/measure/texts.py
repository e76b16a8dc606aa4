"""The texts of queries and documents, cut once for all that count their n-grams, here or in another process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from embedscope.measure.lexical import LexicalValues, lexical_values
from embedscope.measure.ngrams import SplitTexts
from embedscope.metrics.judgments import Judgments


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts of the queries of a query set and of all documents."""

    queries: Sequence[str]
    documents: Sequence[str]

    @cached_property
    def split(self) -> tuple[SplitTexts, SplitTexts]:
        """Both, cut at blanks where they are asked for first."""
        return SplitTexts.of(self.queries), SplitTexts.of(self.documents)

    def lexical_values(
        self, judgments: Judgments, measures: Sequence[str], tolerance: float, with_bm25: bool
    ) -> LexicalValues:
        """As the function of this name."""
        return lexical_values(*self.split, judgments, measures, tolerance=tolerance, with_bm25=with_bm25)
