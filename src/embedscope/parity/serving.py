"""Two ways to encode, compared from their names to a record."""

from __future__ import annotations

from functools import partial

import numpy as np

from embedscope.data.collection import Collection, describe, ranking_own
from embedscope.data.readers import read_collection
from embedscope.errors import CheckpointError, InvalidOptionError
from embedscope.log import SILENT, Log
from embedscope.models.endpoint_address import AT_ENDPOINT, LOCAL, is_endpoint
from embedscope.models.precomputed import is_precomputed_file
from embedscope.parity.agreement import apart_by_role, cosines_of, differing_texts, norms_of, ranks_of
from embedscope.parity.causes import Encoding, Search, can_be_varied, find_cause
from embedscope.parity.encodings import Side, Vectors, encoded, side_of
from embedscope.parity.text_sample import sample_texts
from embedscope.result import Evidence, ModelFacts, NormDifference, Parity, ParityCause, ParityOutcome
from embedscope.settings import (
    DEFAULTS,
    PROMPTS,
    ParitySettings,
    Settings,
    SimilarityFunction,
    flag,
    quoted,
    require_unused,
)

_OF_MODEL = ("pooling", "max_length", *PROMPTS, "head_module", "activation", "backend", "precision")
_SERVED_ENCODER = ("served_pooling", "served_backend", "served_precision")
_OF_SERVED = (*_SERVED_ENCODER, "served_query_prompt", "served_document_prompt")


def compare_served(settings: Settings, chosen: ParitySettings, log: Log = SILENT) -> Parity:
    """Whether ``chosen.served`` gives the vectors of ``chosen.measured`` for a sample of the texts of the data set.

    Options that say how a model encodes are those of MODEL. SERVED is encoded as it is by itself; only the base model,
    the device and the cache are those of both.

    Raises
    ------
    InputError
        If one of the two, the data or an option cannot be used.
    """
    _refuse_what_changes_nothing(settings, chosen)
    sample = _sample(settings, chosen, log)
    model = side_of(str(chosen.measured), sample, settings, log)
    served = _served(sample, settings, chosen, log)
    similarity = _similarity(settings, model)
    apart = apart_by_role(model.vectors, served.vectors)
    norms = norms_of(model.vectors, served.vectors)
    has_same_directions = bool(apart) and all(float(column.max()) <= chosen.tolerance for column in apart.values())
    is_same = has_same_directions
    if similarity == SimilarityFunction.DOT:
        is_same = is_same and norms.max**2 / 2 <= chosen.tolerance  # as far as a turn by the tolerance
    found = Search(None, 0)
    if not has_same_directions:
        found = _cause(model, served, sample, settings, chosen.tolerance, log)
    elif not is_same:
        found = Search(_normalisation(norms), 0)
    first, worst = differing_texts(sample, apart, chosen.tolerance)
    return Parity(
        outcome=ParityOutcome.SAME if is_same else ParityOutcome.DIFFERENT,
        model=model.facts,
        served=served.facts,
        similarity=str(similarity),
        tolerance=chosen.tolerance,
        seed=settings.measure.seed,
        cosines={role: cosines_of(column, chosen.tolerance) for role, column in apart.items()},
        norms=norms,
        ranks=ranks_of(sample, model.vectors, served.vectors, similarity),
        first=first,
        worst=worst,
        cause=found.cause,
        n_tried=found.n_tried,
        notes=(
            *_notes(model, served, norms, similarity, tolerance=chosen.tolerance),
            *_missing_prompts(found.cause, model.facts),
        ),
    )


def _refuse_what_changes_nothing(settings: Settings, chosen: ParitySettings) -> None:
    if chosen.measured is None or chosen.served is None:
        raise InvalidOptionError(
            "Name two ways to encode: MODEL and SERVED, each a checkpoint, an endpoint or an embedding file."
        )
    if is_precomputed_file(chosen.measured):
        require_unused("MODEL is a file of vectors, made before", (settings.model, _OF_MODEL))
    if is_precomputed_file(chosen.served):
        require_unused("SERVED is a file of vectors, made before", (chosen, _OF_SERVED))
    if is_endpoint(chosen.measured):
        require_unused(AT_ENDPOINT, (settings.model, [name for name in _OF_MODEL if name in LOCAL]))
    if is_endpoint(chosen.served):
        require_unused(AT_ENDPOINT, (chosen, _SERVED_ENCODER))
    if not is_endpoint(chosen.measured) and not is_endpoint(chosen.served):
        require_unused("neither MODEL nor SERVED is an endpoint", (settings.model, ("model",)))


def _sample(settings: Settings, chosen: ParitySettings, log: Log) -> Collection:
    data = settings.data
    if data.data is None:
        raise InvalidOptionError("Pass --data: the queries and documents whose vectors are compared.")
    collection = read_collection(data.data, **data.reading)
    if data.keep_self:
        collection = ranking_own(collection)
    describe(collection, data.data, log)
    sample = sample_texts(collection, chosen.texts, np.random.default_rng(settings.measure.seed))
    log.step(f"Comparing {len(sample.queries):,} queries and {len(sample.documents):,} documents of it")
    return sample


def _served(sample: Collection, settings: Settings, chosen: ParitySettings, log: Log) -> Side:
    """SERVED, loaded with nothing of how MODEL encodes."""
    standard = DEFAULTS.as_options()
    own = {name.removeprefix("served_"): getattr(chosen, name) for name in _OF_SERVED}
    plain = settings.with_options(**{name: standard[name] for name in _OF_MODEL} | own)
    try:
        return side_of(str(chosen.served), sample, plain, log)
    except CheckpointError as error:  # whose message names the options of MODEL
        raise type(error)(str(error).replace("--pooling", "--served-pooling")) from error


def _similarity(settings: Settings, model: Side) -> str:
    asked = settings.model.similarity
    return model.facts.similarity if asked is SimilarityFunction.MODEL else asked.value


def _cause(model: Side, served: Side, sample: Collection, settings: Settings, tolerance: float, log: Log) -> Search:
    """The cause, looked for on the side that can be encoded in other ways: MODEL, or else SERVED."""
    side, target, name = (model, served, "MODEL") if can_be_varied(model.model) else (served, model, "SERVED")
    if side.model is None or not can_be_varied(side.model):
        return Search(None, 0)
    log.step("The vectors differ; looking for the cause by encoding in other ways")
    with log.progress("Trying", unit="ways to encode") as progress:
        return find_cause(
            name,
            side.model,
            target.vectors,
            partial(_encode, sample=sample, side=side, batch_size=settings.model.batch_size),
            (*sample.queries, *sample.documents),
            tolerance=tolerance,
            prompts=(target.facts.query_prompt, target.facts.document_prompt),
            progress=progress,
        )


def _encode(encoding: Encoding, *, sample: Collection, side: Side, batch_size: int) -> Vectors:
    return encoded(sample, encoding, encoding.steps, side.store, batch_size=batch_size)


def _notes(model: Side, served: Side, norms: NormDifference, similarity: str, *, tolerance: float) -> tuple[str, ...]:
    notes = []
    if model.vectors.dim != served.vectors.dim:
        notes.append(
            f"MODEL gives vectors of {model.vectors.dim} numbers and SERVED of {served.vectors.dim}: no text has the "
            f"same vector, and only ranks are compared."
        )
    if model.model is not None and served.model is not None and model.facts.similarity != served.facts.similarity:
        notes.append(
            f"MODEL is scored by {model.facts.similarity}, SERVED by {served.facts.similarity}: even equal vectors "
            f"would be ranked differently. Ranks here are by {similarity} for both."
        )
    if norms.max**2 / 2 > tolerance:
        notes.append(_norm_note(norms, similarity))
    return tuple(notes)


def _missing_prompts(cause: ParityCause | None, model: ModelFacts) -> tuple[str, ...]:
    """The prompts of MODEL without which it gives the vectors of SERVED."""
    if cause is None or cause.side != "MODEL":
        return ()
    prompts = {"query": model.query_prompt, "document": model.document_prompt}
    return tuple(
        f"What is served is not what was measured: the prompt {prompt!r} before each {role} is missing. Where the "
        f"application puts it there, pass {flag(f'served_{role}_prompt')} {quoted(prompt)}."
        for role, prompt in prompts.items()
        if prompt and f"{flag(f'{role}_prompt')} ''" in cause.options
    )


def _normalisation(norms: NormDifference) -> ParityCause | None:
    """The cause where all directions are the same: one side makes unit vectors."""
    normalising = _normalising(norms)
    if len(normalising) != 1:
        return None
    side = "SERVED" if normalising == ["MODEL"] else "MODEL"
    return ParityCause(side, ("its vectors normalised",), (), Evidence.REPRODUCED, mean_cosine=1.0, min_cosine=1.0)


def _normalising(norms: NormDifference) -> list[str]:
    """The sides whose vectors all have norm 1, as far as half precision tells."""
    ends = {"MODEL": norms.model, "SERVED": norms.served}
    return [name for name, (low, high) in ends.items() if max(1 - low, high - 1) < 1e-3]


def _norm_note(norms: NormDifference, similarity: str) -> str:
    """What the norms say: which side makes unit vectors, and whether it matters."""
    normalising = _normalising(norms)
    how = (
        f"{normalising[0]} normalises its vectors and the other does not"
        if len(normalising) == 1
        else "the vectors of the two have other norms"
    )
    matters = (
        "which changes every dot product"
        if similarity == SimilarityFunction.DOT
        else "which changes no cosine, but every dot product: an index that scores by inner product ranks differently"
    )
    return f"Normalisation: {how}, {matters}."
