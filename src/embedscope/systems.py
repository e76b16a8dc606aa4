"""What is judged: a checkpoint, an endpoint, an embedding file, a run, several of them fused, and what is reranked.

A name becomes a `System`: one vector a text, or ranked lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.data.collection import Collection
from embedscope.data.runs import is_run_file, load_lists
from embedscope.errors import InvalidOptionError
from embedscope.log import SILENT, Log
from embedscope.measure.bm25 import bm25_lists, is_bm25
from embedscope.measure.same_data import unequal_depths
from embedscope.measure.scoring import bound_of
from embedscope.metrics.fusion import fused
from embedscope.metrics.listing import lists_of_vectors
from embedscope.metrics.ranked_lists import RankedLists
from embedscope.models.embed import Embeddings, embed_collection
from embedscope.models.endpoint_address import AT_ENDPOINT, LOCAL, is_endpoint
from embedscope.models.precomputed import is_precomputed_file, load_precomputed
from embedscope.result import NO_VECTORS, Scored
from embedscope.result.saved_run import is_run_folder, read_run
from embedscope.settings import PROMPTS, Head, Settings, require_unused

if TYPE_CHECKING:
    from embedscope.models.cache import EmbeddingStore
    from embedscope.models.model import Model

Loader = Callable[[str, Settings, Log], "tuple[EmbeddingStore, Model]"]
"""Loads a checkpoint, as `load` does."""

System = Embeddings | RankedLists
"""What is judged: one vector a text, or ranked lists."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A collection under a system, under its base without the head, and under what it is compared with."""

    system: System
    base: Embeddings | None = None
    baselines: Mapping[str, System] = field(default_factory=dict)
    old_runs: Mapping[str, Scored] = field(default_factory=dict)  # what it is compared with, measured before
    model: Model | None = None  # None for precomputed vectors and for ranked lists
    store: EmbeddingStore | None = None

    @property
    def embeddings(self) -> Embeddings | None:
        """The vectors, None where ranked lists are judged."""
        return self.system if isinstance(self.system, Embeddings) else None


def checkpoint_of(settings: Settings) -> str:
    """What to measure: checkpoint, embedding file or ranking; ``InvalidOptionError`` unless one of them is named."""
    own = settings.model
    named = {"--checkpoint": own.checkpoint, "--embeddings": own.embeddings, "--run": own.run}
    came = {option: value for option, value in named.items() if value is not None}
    if len(came) != 1:
        raise InvalidOptionError(
            f"Pass exactly one of --checkpoint (a model), --embeddings (vectors made before) and --run (a ranking); "
            f"{' and '.join(came) or 'none'} came."
        )
    return next(iter(came.values()))


def require_encoder(names: Sequence[str], settings: Settings) -> None:
    """Refuse, with ``InvalidOptionError``, what would change nothing for any of ``names``, which are judged.

    What needs vectors where ranked lists are judged, prompts where no text is encoded, a model's name where none is an
    endpoint, how a checkpoint encodes where none is a checkpoint, and how is fused or reranked where nothing is.
    """
    own, systems = settings.model, (*names, *settings.model.fuse)
    is_reordered = own.fuse or own.rerank is not None or own.head is not Head.DENSE
    if is_reordered or all(_is_run(name, settings) for name in names):
        require_unused(
            NO_VECTORS,
            (settings.measure, ("geometry", "robustness", "deployment_cost", "wanted_precision")),
            (settings.maps, ("perplexity", "color_by")),
        )
    if all(_is_run(name, settings) for name in systems):
        used = ("pooling", "max_length", "head_module", "activation", "weights", "base_model", "similarity", "head")
        require_unused(NO_VECTORS, (own, (*PROMPTS, *used)))
    encoded = [name for name in systems if not (_is_embedding_file(name, settings) or _is_run(name, settings))]
    if not encoded:
        idle = ("backend", "precision", "batch_size") if own.rerank is None else ()
        require_unused("no text is encoded where vectors or lists were made before", (own, (*PROMPTS, "head", *idle)))
    if not any(map(is_endpoint, encoded)):
        require_unused("only an endpoint (http://HOST/v1) is asked for a model by name", (own, ("model",)))
    elif all(map(is_endpoint, encoded)) and own.rerank is None:
        require_unused(AT_ENDPOINT, (own, LOCAL))
    if not set(encoded) & set(names):
        require_unused("only a checkpoint has heads", (own, ("head",)))
    if not own.fuse:
        unused = ("fusion",) if own.head is Head.ALL else ("fusion", "fusion_weights")
        require_unused("nothing is fused (--fuse)", (own, unused))
    if own.rerank is None:
        require_unused("nothing is reranked (--rerank)", (own, ("rerank_depth",)))


def require_there(names: Sequence[str], settings: Settings) -> None:
    """Refuse a checkpoint that does not exist, before any other is encoded; as `load` does once it is its turn.

    Raises CheckpointError if one of ``names``, or of what is fused with them, is neither here nor could be on the hub.
    """
    for name in (*names, *settings.model.fuse):
        if not (is_endpoint(name) or _is_embedding_file(name, settings) or _is_run(name, settings)):
            from embedscope.models.checkpoint import require_found

            require_found(name)


def _is_run(name: str, settings: Settings) -> bool:
    own = settings.model
    return name == own.run or (name != own.embeddings and (is_bm25(name) or is_run_file(name)))


def _is_embedding_file(name: str, settings: Settings) -> bool:
    return name == settings.model.embeddings or (not _is_run(name, settings) and is_precomputed_file(name))


def embed(
    name: str,
    collection: Collection,
    settings: Settings,
    log: Log = SILENT,
    run_object: Any = None,
    loader: Loader | None = None,
) -> Embedded:
    """The collection under what ``name`` names, its base, and the baseline of the settings.

    ``run_object`` is the run itself, where the settings do not name a file; ``loader`` stands for `load`.
    """
    own = embed_with(name, collection, settings, log, run_object=run_object, loader=loader)
    return with_baseline(own, collection, settings, log, loader)


def with_baseline(
    own: Embedded, collection: Collection, settings: Settings, log: Log = SILENT, loader: Loader | None = None
) -> Embedded:
    """``own`` with the collection under the baseline of the settings, or the old run that it names, if it names any."""
    baseline = settings.model.baseline
    if baseline is None:
        return own
    if is_run_folder(baseline):
        old = read_run(baseline)
        warn_of_missing([name for name in settings.measure.metrics if name not in old.metrics], log)
        warn_of_depths({own.system.facts.checkpoint: own.system, baseline: old}, log)
        return replace(own, old_runs={baseline: old})
    other = embed_with(baseline, collection, plain(settings), log, with_base=False, loader=loader)
    warn_of_depths({own.system.facts.checkpoint: own.system, baseline: other.system}, log)
    return replace(own, baselines={baseline: other.system})


def warn_of_depths(found: Mapping[str, System | Scored], log: Log) -> None:
    """Say which run is cut off before the others, where one is."""
    said = unequal_depths(found)
    if said is not None:
        log.warn(said)


def warn_of_missing(metrics: Sequence[str], log: Log) -> None:
    """Say which metrics an old run lacks, where it lacks any."""
    if metrics:
        log.warn(f"the reference was measured without {', '.join(metrics)}, which cannot be compared")


def embed_with(
    name: str,
    collection: Collection,
    settings: Settings,
    log: Log = SILENT,
    *,
    with_base: bool = True,
    run_object: Any = None,
    loader: Loader | None = None,
) -> Embedded:
    """The collection under the system ``name``, fused and reranked as the settings have it.

    ``with_base`` also under the base model of a head that is judged by itself. ``run_object`` is the run itself, where
    ``name`` is no file.
    """
    chosen, alone = settings.model, not settings.model.fuse and settings.model.rerank is None
    found = _one_system(
        name, collection, settings, log, with_base=with_base and alone, run_object=run_object, loader=loader
    )
    if alone:
        return found
    lists = _lists_of(found.system, collection, settings)
    if chosen.fuse:
        others = (_one_system(each, collection, plain(settings), log, loader=loader) for each in chosen.fuse)
        systems = [lists, *(_lists_of(other.system, collection, settings) for other in others)]
        lists = fused(systems, chosen.fusion, chosen.fusion_weights)
        log.step(f"Fused {len(systems)} systems: {lists.facts.layout}")
    if chosen.rerank is not None:
        from embedscope.models.reranking import reranked

        lists = reranked(lists, collection, chosen, log)
    return Embedded(lists)


def _one_system(
    name: str,
    collection: Collection,
    settings: Settings,
    log: Log,
    *,
    with_base: bool = False,
    run_object: Any = None,
    loader: Loader | None = None,
) -> Embedded:
    """The collection under the checkpoint, embedding file or run ``name``, as it is."""
    if _is_embedding_file(name, settings):
        found = load_precomputed(name, collection, similarity=settings.model.similarity)
        log.model(found.facts)
        return Embedded(found)
    if _is_run(name, settings):
        if run_object is None and is_bm25(name):
            lists = bm25_lists(collection)
        else:
            lists = load_lists(name if run_object is None else run_object, collection)
        log.model(lists.facts)
        return Embedded(lists)
    from embedscope.models.scorer_folders import scorer_folder

    folder = scorer_folder(name)
    if folder is not None:
        from embedscope.models.scorers import lists_of_folder

        return Embedded(lists_of_folder(folder, collection, settings.model, log))
    store, model = (loader or load)(name, settings, log)
    if settings.model.head is not Head.DENSE:
        from embedscope.models.heads_of_m3 import lists_of_heads

        return Embedded(lists_of_heads(model, collection, settings.model, store, log))
    return encode_with(model, store, collection, settings, log, with_base=with_base)


def _lists_of(system: System, collection: Collection, settings: Settings) -> RankedLists:
    """The ranked lists of a system, without the texts of the queries themselves."""
    if isinstance(system, RankedLists):
        return system if collection.own is None else system.without(collection.own)
    bound = bound_of(system.queries, system.documents, system.similarity)
    tolerance = settings.measure.tie_tolerance * bound
    return lists_of_vectors(system.queries, system.documents, system.facts, tolerance=tolerance, own=collection.own)


def plain(settings: Settings) -> Settings:
    """The settings of a system that is compared or fused with: its vectors, or its lists, as they are."""
    return settings.with_options(head=Head.DENSE, fuse=(), rerank=None)


def encode_with(
    model: Model, store: EmbeddingStore, collection: Collection, settings: Settings, log: Log, *, with_base: bool = True
) -> Embedded:
    """The collection under ``model``; ``with_base`` also under its base model."""
    from embedscope.models.number_format import precision_line

    batch_size = settings.model.batch_size
    with log.progress("Encoding", unit="texts") as progress:
        found = embed_collection(collection, model, store, batch_size=batch_size, progress=progress)
    log.step(f"Encoded {found.n_encoded:,} texts, {found.n_cached:,} from the cache, in {found.elapsed_s:.1f} s")
    if line := precision_line(model, collection, found, store, batch_size=batch_size):
        log.step(line)
    base = None
    if with_base and model.facts.head is not None:
        # The head sits on base vectors that are in the cache by now, so the base model costs nothing more.
        base = embed_collection(collection, model.without_head(), store, batch_size=batch_size)
    return Embedded(found, base, model=model, store=store)


def load(name: str, settings: Settings, log: Log = SILENT) -> tuple[EmbeddingStore, Model]:
    """The checkpoint or endpoint ``name``, ready to encode, and the cache of its vectors."""
    from embedscope.models.cache import EmbeddingStore
    from embedscope.models.heads_of_m3 import with_heads
    from embedscope.models.model import load_endpoint, load_model

    own = settings.model
    folder = None if own.cache_dir is None else Path(own.cache_dir)
    store = EmbeddingStore(folder, warn=log.warn, is_enabled=not own.no_cache)
    if is_endpoint(name):  # the other options are those of a checkpoint that stands beside it
        prompts = {role: getattr(own, role) for role in PROMPTS}
        model = load_endpoint(name, model=own.model, **prompts, similarity=own.similarity, hashes=store.hashes)
    else:
        model = load_model(
            name,
            **own.reading,
            device=own.device,
            backend=own.backend,
            precision=own.precision,
            similarity=own.similarity,
            hashes=store.hashes,
        )
    log.model(model.facts if own.head is Head.DENSE else with_heads(model.facts))
    return store, model
