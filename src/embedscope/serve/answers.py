"""What the live page asks: the best documents for a text, the score of a changed document, the words that decide.

No text that was typed in is stored: none enters the cache of vectors or a log, and the memory of the last queries ends
with the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from embedscope.data.collection import identity
from embedscope.diagnose.deletion import Encoders, explain_pair
from embedscope.errors import InputError, InvalidEmbeddingsError
from embedscope.models.embed import Encode, text_encoder
from embedscope.models.model import Model
from embedscope.models.token_lengths import could_be_longer, read_ends
from embedscope.output.page.contract import (
    LiveAnswer,
    LiveDocument,
    LiveFacts,
    LiveMoved,
    LivePlace,
    LiveQuery,
    LiveWords,
)
from embedscope.output.page.payload import utf16_offsets
from embedscope.protocols import Float32Array, IntArray
from embedscope.result import TextRole
from embedscope.serve.bounds import require_wanted
from embedscope.serve.corpora import Corpus
from embedscope.serve.places import MapPlaces
from embedscope.settings import TIE_TOLERANCE

LISTED = 10
"""Documents of an answer, unless more or fewer are asked for."""

MOST_LISTED = 100
MOST_QUERY_CHARACTERS = 4_000
MOST_DOCUMENT_CHARACTERS = 20_000

_SHOWN_CHARACTERS = 20_000
"""Of the text of a document in an answer."""

KEPT = 256
"""Queries whose vectors are held in memory: what is asked of a query again is not encoded again."""

_TEXTS_AT_ONCE = 16
"""Texts that are encoded before it is asked again whether somebody waits for them."""


@dataclass(frozen=True, eq=False)
class Answers:
    """A model and the corpus that it searches.

    Scores are inner products of vectors as the run compared them; those that differ by no more than rounding share the
    better rank.
    """

    model: Model
    corpus: Corpus
    places: MapPlaces | None
    seed: int = 42
    _kept: dict[str, Float32Array] = field(default_factory=dict)  # of the last queries, the oldest first
    _document_ends: dict[int, int | None] = field(default_factory=dict)  # by row: `LiveDocument.read`

    def encode_ahead(self, texts: Sequence[str]) -> None:
        """Encode queries that wait, all at once, where the first has no vector yet."""
        queries = [identity(text) for text in texts]
        if self._known_vector(queries[0]) is not None:
            return
        new = [query for query in dict.fromkeys(queries) if self._known_vector(query) is None]
        # Without a vector for one, each is encoded alone, and the one without refused.
        with suppress(InvalidEmbeddingsError), self._in_one_thread():
            self._keep(new, self._encoders.query(new))

    def _keep(self, queries: Sequence[str], vectors: Float32Array) -> None:
        self._kept.update(zip(queries, vectors, strict=True))
        for query in [*self._kept][:-KEPT]:
            del self._kept[query]

    def _known_vector(self, query: str) -> Float32Array | None:
        """The vector of a query that was asked lately, or that stands in the test set: then that of the run."""
        row = self.corpus.query_of_text(query)
        return self._kept.get(query) if row is None else self.corpus.queries[row]

    @property
    def facts(self) -> LiveFacts:
        """What the page is told before anything is asked."""
        return {
            "model": self.model.facts.checkpoint,
            "n_documents": self.corpus.n,
            "max_length": self.model.facts.max_length,
            "similarity": self.model.facts.similarity,
            "most_query_characters": MOST_QUERY_CHARACTERS,
            "most_document_characters": MOST_DOCUMENT_CHARACTERS,
        }

    def search(self, text: str, *, k: int = LISTED, edited: str | None = None) -> LiveAnswer:
        """The ``k`` best documents for a query.

        Parameters
        ----------
        edited : str, optional
            Id of the query of the test set of which ``text`` is another version: its relevant documents are told too,
            with their scores and ranks before.

        Raises
        ------
        InputError
            If the model has no vector for the text, or no query has the id ``edited``.
        """
        query = identity(text)
        vector = self._query_vector(query)
        known = self._test_query(query, edited)
        scores = self._ranked(vector, known)
        return {
            "query": query,
            "read": self._read_end(query, self.model.query_prompt),
            "documents": self._documents(_best(scores, k), scores, known),
            "test_query": None if known is None else self._named(known, vector),
            "relevant": [] if known is None else self._relevant(known, scores),
            "nearest": self._nearest(vector),
            "places": self._places(vector, scores),
        }

    def score(self, text: str, changed: str, row: int) -> LiveMoved:
        """Score and rank of a document for a query, as it is and with the text ``changed``; raises as `search`."""
        query, document = identity(text), identity(changed)
        vector = self._query_vector(query)
        scores = self._ranked(vector, self._test_query(query, None))
        others = np.delete(scores, row)
        with self._in_one_thread():
            after = float(_vector(self._encoders.document, document) @ vector)
        return {
            "document": document,
            "read": self._read_end(document, self.model.document_prompt),
            "before": {"score": float(scores[row]), "rank": _rank(others, float(scores[row]))},
            "after": {"score": after, "rank": _rank(others, after)},
        }

    def words(self, text: str, first: int, second: int) -> LiveWords:
        """What leaving out each word of a query and of two documents does to the difference of their scores.

        Raises
        ------
        InputError
            As `search`; also if a document is longer than `MOST_DOCUMENT_CHARACTERS`.
        """
        query = identity(text)
        named = self.corpus.documents_named([first, second])
        texts = {TextRole.QUERY: query, TextRole.RIGHT: named[0][1], TextRole.WRONG: named[1][1]}
        if max(len(own) for own in texts.values()) > MOST_DOCUMENT_CHARACTERS:
            raise InputError(f"a document has more than {MOST_DOCUMENT_CHARACTERS:,} characters: no word is left out")
        rows = self.corpus.vectors(np.array([first, second], dtype=np.int64))
        vectors = {
            TextRole.QUERY: self._query_vector(query),
            TextRole.RIGHT: rows[0],
            TextRole.WRONG: rows[1],
        }
        found = explain_pair(texts, vectors, self._encoders, seed=self.seed)
        offsets = {role: utf16_offsets(own) for role, own in texts.items()}
        return {
            "difference": found.difference,
            "noise": found.noise,
            "unseen": list(found.unseen),
            "deletions": [
                {
                    "role": each.role.value,
                    "start": int(offsets[each.role][each.start]),
                    "end": int(offsets[each.role][each.end]),
                    "change": each.change,
                }
                for each in found.deletions
            ],
        }

    @cached_property
    def _encoders(self) -> Encoders:
        prompts = self.model.query_prompt, self.model.document_prompt
        return Encoders(
            *(
                text_encoder(self.model, prompt=prompt, batch_size=_TEXTS_AT_ONCE, progress=require_wanted)
                for prompt in prompts
            )
        )

    def _in_one_thread(self) -> AbstractContextManager[Any]:
        """While inside, the encoder computes in this thread alone.

        A few texts are encoded no sooner by several, but many times later where other programs keep the cores busy.
        """
        limit: AbstractContextManager[Any] = self._libraries.limit(limits=1, user_api="openmp")
        return limit

    @cached_property
    def _libraries(self) -> Any:
        from threadpoolctl import ThreadpoolController

        with suppress(InvalidEmbeddingsError):
            self._encoders.query(["a"])  # loads the libraries
        return ThreadpoolController()

    @cached_property
    def _norms(self) -> Float32Array | None:
        """Norms by which dot products become cosines, on which maps rest; None where they are cosines already."""
        if self.model.facts.similarity == "cosine" or self.places is None:
            return None
        rows = np.concatenate([self.corpus.queries, self.corpus.vectors(np.arange(self.corpus.n))])
        norms: Float32Array = np.linalg.norm(rows, axis=1)
        return norms

    def _query_vector(self, query: str) -> Float32Array:
        vector = self._known_vector(query)
        if vector is None:
            with self._in_one_thread():
                vector = _vector(self._encoders.query, query)
            self._keep([query], vector[np.newaxis])
        return vector

    def _test_query(self, query: str, edited: str | None) -> int | None:
        """The query of the test set that is asked, or whose other version is; None for a query of one's own."""
        if edited is None:
            return self.corpus.query_of_text(query)
        row = self.corpus.query_of_id(edited)
        if row is None:
            raise InputError("the test set has no query of this id")
        return row

    def _ranked(self, vector: Float32Array, known: int | None) -> Float32Array:
        scores = self.corpus.scores(vector)
        if known is not None:
            scores[self.corpus.left_out(known)] = -np.inf
        return scores

    def _documents(self, rows: IntArray, scores: Float32Array, known: int | None) -> list[LiveDocument]:
        named = self.corpus.documents_named(rows.tolist())
        texts = [text for _, text in named]
        unknown = {row: text for row, text in zip(rows.tolist(), texts, strict=True) if row not in self._document_ends}
        ends = self._read_ends([*unknown.values()], self.model.document_prompt)
        self._document_ends.update((row, ends.get(text)) for row, text in unknown.items())
        relevant = None if known is None else set(self.corpus.relevant(known).tolist())
        return [
            {
                "row": row,
                "id": name,
                "text": text[:_SHOWN_CHARACTERS],
                "score": float(scores[row]),
                "rank": _rank(scores, float(scores[row])),
                "n_relevant_to": n,
                "is_relevant": None if relevant is None else row in relevant,
                "read": self._document_ends[row],
            }
            for row, (name, text), n in zip(rows.tolist(), named, self.corpus.n_relevant_to(rows).tolist(), strict=True)
        ]

    def _relevant(self, known: int, scores: Float32Array) -> list[Any]:
        """The relevant documents of a query of the test set: where they stand now, and where under the query itself."""
        rows = self.corpus.relevant(known)[:LISTED]
        before = self._ranked(self.corpus.queries[known], known)
        places: list[LivePlace] = [
            {"score": float(before[row]), "rank": _rank(before, float(before[row]))} for row in rows.tolist()
        ]
        now = self._documents(rows, scores, known)
        return [{"document": document, "before": place} for document, place in zip(now, places, strict=True)]

    def _named(self, row: int, vector: Float32Array) -> LiveQuery:
        name, text = self.corpus.query_named(row)
        return {"id": name, "text": text, "score": float(self.corpus.queries[row] @ vector)}

    def _nearest(self, vector: Float32Array) -> LiveQuery | None:
        """The query of the test set that is most like the one that was typed in."""
        scores = self.corpus.queries @ vector
        return self._named(int(scores.argmax()), vector) if len(scores) else None

    def _places(self, vector: Float32Array, scores: Float32Array) -> dict[str, list[float]]:
        if self.places is None:
            return {}
        similarity: Float32Array = np.concatenate([self.corpus.queries @ vector, scores])
        if self._norms is not None:
            similarity = np.divide(similarity, self._norms, dtype=np.float32)
        return self.places.around(similarity)

    def _read_end(self, text: str, prompt: str) -> int | None:
        return self._read_ends([text], prompt).get(text)

    def _read_ends(self, texts: Sequence[str], prompt: str) -> dict[str, int]:
        """UTF-16 code units that the model reads of each text that is too long for it."""
        limit = self.model.facts.max_length
        long = [text for text in set(texts) if limit is not None and could_be_longer(prompt + text, limit)]
        found = read_ends(self.model, long, prompt=prompt) if long else {}
        return {text: int(utf16_offsets(text)[end]) for text, end in found.items()}


def _vector(encode: Encode, text: str) -> Float32Array:
    """The vector of a text, (dim,); an `InputError` where the model has none, such as for unknown words only."""
    try:
        vectors = encode([text])
    except InvalidEmbeddingsError:
        raise InputError("the model has no vector for this text: it knows none of its words") from None
    vector: Float32Array = vectors[0]
    return vector


def _best(scores: Float32Array, k: int) -> IntArray:
    """Rows of the ``k`` best scores, the best first; of equal ones the smaller row."""
    k = min(k, len(scores))
    near = np.argpartition(-scores, k - 1)[:k]
    near = np.flatnonzero(scores >= scores[near].min()) if k < len(scores) else near
    order: IntArray = near[np.lexsort((near, -scores[near]))][:k]
    return order[np.isfinite(scores[order])]


def _rank(scores: Float32Array, own: float) -> int:
    """1 and the number of scores that are greater by more than rounding."""
    bound = max(1.0, abs(own))
    return 1 + int(np.count_nonzero(scores > own + TIE_TOLERANCE * bound))
