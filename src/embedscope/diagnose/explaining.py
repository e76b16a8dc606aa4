"""Which failures are explained, and how many: what encoding their variants may cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from embedscope.diagnose.deletion import Encoders, explain_failures, failed_rows, failure_of, planned_texts
from embedscope.diagnose.minimal_pairs import minimal_pairs
from embedscope.errors import InvalidOptionError
from embedscope.kept import NOTHING_KEPT, KeptResults
from embedscope.log import Log
from embedscope.measure.ranked import Ranked
from embedscope.models.embed import text_encoder
from embedscope.models.encoding_rate import encoding_rate, reading_cost
from embedscope.protocols import NO_ATTRIBUTES, AttributeReader, Float32Array, IntArray
from embedscope.result import Explanations
from embedscope.settings import Head, Settings

if TYPE_CHECKING:
    from embedscope.models.cache import EmbeddingStore
    from embedscope.models.model import Model

SHARE = 0.3
"""Of what encoding the run's own texts costs, that explanations may cost unasked."""

SECONDS = 20.0
"""Of encoding that explanations may take unasked."""

PAIRS = 0.25
"""Of both, that minimal pairs may take; the rest is for leaving out words."""

MOST_PAIR_TEXTS = 400
"""Texts that are encoded for minimal pairs at most."""

_TIMED_TEXTS = 16
"""Texts, of all three roles, by which the encoder is timed: they are encoded beside the budget, and again within it."""

NO_MODEL = "the vectors were made before: there is no model that could encode a text without one of its words"
NEEDS_A_MODEL = (
    "--explain encodes texts with a word left out, and vectors or a run that were made before cannot do that. Pass the "
    "model with --checkpoint, or leave --explain out."
)
NEEDS_ONE_VECTOR = (
    "--explain follows the one vector of a text, and --head, --fuse and --rerank give ranked lists. Leave --explain "
    "out."
)


@dataclass(frozen=True, slots=True)
class Budget:
    """Number of failures to look at, and why no more."""

    n: int
    limit: str
    n_pair_texts: int = MOST_PAIR_TEXTS


def require_explainable(settings: Settings) -> None:
    """Refuse, with ``InvalidOptionError``, explanations that were asked for where no text is encoded to one vector."""
    own = settings.model
    if settings.measure.explain and (own.embeddings or own.run) is not None:
        raise InvalidOptionError(NEEDS_A_MODEL)
    if settings.measure.explain and (own.fuse or own.rerank is not None or own.head is not Head.DENSE):
        raise InvalidOptionError(NEEDS_ONE_VECTOR)


def explain(
    ranked: Ranked,
    documents: Float32Array,
    model: Model | None,
    store: EmbeddingStore | None,
    settings: Settings,
    generator: np.random.Generator,
    log: Log,
    *,
    attributes: AttributeReader = NO_ATTRIBUTES,
    first: Sequence[int] = (),
    has_encoded: bool = True,
    kept: KeptResults = NOTHING_KEPT,
) -> tuple[Explanations, None] | tuple[None, str]:
    """Which words decide the failures that the budget allows to look at, and which values are ignored.

    None and the reason where the budget allows none.

    ``first`` are queries to look at before others, where they have failed: those that are shown. ``has_encoded`` says
    that the run encoded texts, and did not find them all in the store: the speed of the encoder is then measured again.
    """
    asked, failed = settings.measure.explain, failed_rows(ranked)
    if asked == 0:
        return None, "not asked for"
    if model is None:
        if asked is not None:
            raise InvalidOptionError(NEEDS_A_MODEL)
        return None, NO_MODEL
    if not len(failed):
        return None, "no query has failed"
    rows = in_order(ranked, failed, first, generator)
    budget = (
        Budget(min(asked, len(rows)), "as asked for")
        if asked is not None
        else affordable(ranked, rows, model, store, batch_size=settings.model.batch_size, again=has_encoded)
    )
    if budget.n == 0:
        return None, f"explaining one failure would cost more than {budget.limit}; pass --explain N"
    log.step(f"Which words decide: {budget.n:,} of {len(rows):,} failures ({budget.limit})")
    encoders = Encoders(
        *(
            text_encoder(model, store, prompt=prompt, batch_size=settings.model.batch_size)
            for prompt in (model.query_prompt, model.document_prompt)
        )
    )
    return _explained(ranked, documents, rows, budget, model, encoders, settings, log, attributes, kept), None


def _explained(
    ranked: Ranked,
    documents: Float32Array,
    rows: IntArray,
    budget: Budget,
    model: Model,
    encoders: Encoders,
    settings: Settings,
    log: Log,
    attributes: AttributeReader,
    kept: KeptResults,
) -> Explanations:
    """The explanations of the first of ``rows``, as ``budget`` has it, and the minimal pairs."""

    def compute() -> Explanations:
        with log.progress("Leaving out words", unit="failures") as progress:
            found = explain_failures(
                ranked,
                documents,
                rows[: budget.n].tolist(),
                encoders,
                seed=settings.measure.seed,
                n_failures=len(rows),
                limit=budget.limit,
                progress=progress,
            )
        pairs = minimal_pairs(
            ranked.query_table,
            ranked.document_table,
            ranked.queries,
            documents,
            encoders.document,
            ranked.query_set.resampler,
            seed=settings.measure.seed,
            attributes=attributes,
            budget=budget.n_pair_texts,
            max_length=model.facts.max_length,
            tolerance=ranked.scores.counts.tolerance,
        )
        return replace(found, pairs=pairs)

    space = (model.encoder.fingerprint, model.projector.fingerprint, model.query_prompt, model.document_prompt)
    of = (ranked.query_table, ranked.document_table, ranked.queries, documents, ranked.scores, ranked.query_set)
    made_of = (*of, *space, rows, budget, model.facts.max_length, settings.measure.seed, attributes)
    return kept.value("explanations", Explanations, made_of, compute)


def in_order(ranked: Ranked, failed: IntArray, first: Sequence[int], generator: np.random.Generator) -> IntArray:
    """Failed queries in the order in which they are looked at, shape (F,).

    Those of ``first``, then the others at random, so that failure modes come in proportion; the second of a cluster
    after the first of all others.
    """
    drawn = generator.permutation(failed).tolist()
    own = set(drawn)
    order = list(dict.fromkeys([row for row in first if row in own] + drawn))
    clusters = ranked.query_set.resampler.clusters
    n_before: Counter[int] = Counter()
    turns = []
    for row in order:
        turns.append(n_before[int(clusters[row])])
        n_before[int(clusters[row])] += 1
    return np.array(order, dtype=np.int64)[np.argsort(turns, kind="stable")]


def affordable(
    ranked: Ranked,
    rows: IntArray,
    model: Model,
    store: EmbeddingStore | None,
    *,
    batch_size: int,
    again: bool = True,
) -> Budget:
    """How many failures, in order, cost at most `SHARE` of the run's own texts and `SECONDS` of encoding.

    The first limit is counted in characters and the same on every machine; seconds follow from the rate at which the
    encoder reads (`encoding_rate`), and are enough for one failure.
    """
    from embedscope.models.cache import EmbeddingStore

    max_length = model.facts.max_length
    cost: Callable[[Sequence[str]], int] = lambda texts: sum(reading_cost(text, max_length) for text in texts)  # noqa: E731
    of_documents = cost(ranked.document_table.texts)
    share = SHARE * (cost(ranked.query_table.texts) + of_documents)
    variants = planned_texts(failure_of(ranked, int(rows[0])))
    memory = (EmbeddingStore(is_enabled=False) if store is None else store).hashes
    rate = encoding_rate(
        model.encoder,
        variants[:: -(-len(variants) // _TIMED_TEXTS)],
        max_length=max_length,
        batch_size=batch_size,
        memory=memory,
        again=again,
    )
    for_words, limit = min(
        ((1 - PAIRS) * share, f"{100 * SHARE:.0f} % of encoding the run's own texts"),
        (max((1 - PAIRS) * SECONDS * rate, cost(variants)), f"about {SECONDS:.0f} s of encoding"),
    )
    for_pairs = PAIRS / (1 - PAIRS) * for_words
    n_pair_texts = min(MOST_PAIR_TEXTS, int(for_pairs * len(ranked.document_table.texts) / of_documents))
    spent = 0
    for n, row in enumerate(rows.tolist()):
        spent += cost(planned_texts(failure_of(ranked, row)))
        if spent > for_words:
            return Budget(n, limit, n_pair_texts)
    return Budget(len(rows), "all", n_pair_texts)
