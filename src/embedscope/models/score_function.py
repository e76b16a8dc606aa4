"""Which score compares two vectors: what the model states, or what was asked for."""

from __future__ import annotations

from embedscope.errors import CheckpointError
from embedscope.metrics.norms import Norms
from embedscope.settings import SimilarityFunction

_STATED = {
    "cosine": SimilarityFunction.COSINE,
    "cos_sim": SimilarityFunction.COSINE,
    "dot": SimilarityFunction.DOT,
    "dot_product": SimilarityFunction.DOT,
    "dot_score": SimilarityFunction.DOT,
}
"""The names of sentence-transformers for a score that is an inner product."""

_NAMES = {SimilarityFunction.COSINE: "cosine", SimilarityFunction.DOT: "dot product"}


def stated_similarity(stated: str | None) -> SimilarityFunction:
    """How the pooled vectors under a head are compared: by dot product if that is stated, else by cosine.

    A distance is no reason to refuse the head that stands on them.
    """
    return SimilarityFunction.COSINE if stated is None else _STATED.get(stated.lower(), SimilarityFunction.COSINE)


def resolved_similarity(
    asked: SimilarityFunction, stated: str | None, *, is_unit: bool, where: str
) -> tuple[SimilarityFunction, tuple[str, ...]]:
    """Cosine or dot product, and the notes that say why.

    Parameters
    ----------
    asked : SimilarityFunction
        ``MODEL`` takes what is stated, else the cosine.
    stated : str, optional
        ``similarity_fn_name`` of the model.
    is_unit : bool
        Whether its vectors have norm 1: their dot product is the cosine, and is called so.
    where : str
        The model, for messages.

    Raises
    ------
    CheckpointError
        If a distance is stated and neither cosine nor dot product was asked for.
    """
    own = SimilarityFunction.COSINE if stated is None else _STATED.get(stated.lower())
    if asked is not SimilarityFunction.MODEL:
        chosen, notes = SimilarityFunction(asked), _note_of_other(asked, own, stated)
    elif own is None:
        raise CheckpointError(
            f"'{where}' states the similarity '{stated}' (similarity_fn_name); only cosine and dot product are "
            f"measured. Pass --similarity cosine or --similarity dot to judge its vectors by one of them."
        )
    else:
        chosen, notes = own, ()
    if chosen is SimilarityFunction.COSINE:
        return chosen, notes
    if is_unit:
        return SimilarityFunction.COSINE, (*notes, "Dot product of unit vectors: it is the cosine, and called so.")
    said = "as asked" if asked is SimilarityFunction.DOT else "as the model states"
    return chosen, (*notes, f"Scored by dot product, {said}: the norms of the vectors count.")


def _note_of_other(asked: SimilarityFunction, own: SimilarityFunction | None, stated: str | None) -> tuple[str, ...]:
    if stated is None or asked is own:
        return ()
    name = stated if own is None else _NAMES[own]
    return (f"The model states {name} as its similarity; scored by {_NAMES[asked]}, as asked.",)


def similarity_of_vectors(
    asked: SimilarityFunction, queries: Norms, documents: Norms
) -> tuple[SimilarityFunction, tuple[str, ...]]:
    """As `resolved_similarity`, for vectors that were made before: nothing states a similarity, their norms show."""
    is_unit = queries.are_one and documents.are_one
    chosen, notes = resolved_similarity(asked, None, is_unit=is_unit, where="")
    if asked is SimilarityFunction.MODEL:
        notes = (*notes, *note_of_uneven_norms(queries, documents, option="--similarity dot"))
    return chosen, notes


def note_of_uneven_norms(queries: Norms, documents: Norms, *, option: str) -> tuple[str, ...]:
    """That vectors compared by cosine would rank otherwise by dot product, which ``option`` asks for."""
    uneven = [
        f"{name} {norms.smallest:.3g} to {norms.largest:.3g}"
        for name, norms in (("queries", queries), ("documents", documents))
        if norms.are_uneven
    ]
    if not uneven:
        return ()
    return (
        f"The norms of the given vectors differ ({', '.join(uneven)}): scored by cosine. Pass {option} if the index "
        f"scores by inner product.",
    )
