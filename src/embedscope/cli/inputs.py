"""From command-line options to a collection and its vectors: shared by every command that measures."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.data.collection import Collection, sample_queries
from embedscope.data.readers import read_collection
from embedscope.decide.criteria import load_criteria
from embedscope.errors import InvalidOptionError
from embedscope.measure.options import Options
from embedscope.models.cache import EmbeddingStore
from embedscope.models.embed import Embeddings, embed_collection
from embedscope.models.model import Model, load_model
from embedscope.models.precomputed import is_precomputed_file, load_precomputed
from embedscope.output.terminal import Terminal
from embedscope.protocols import Backend, Device, Pooling, Precision
from embedscope.result import Criteria


@dataclass(frozen=True, slots=True)
class Run:
    """One checkpoint (or embedding file) on one collection."""

    embeddings: Embeddings
    base: Embeddings | None  # under the base model without its head
    model: Model | None = None  # None for vectors that were made before
    store: EmbeddingStore | None = None


def terminal_of(options: argparse.Namespace) -> Terminal:
    """The terminal as the options want it."""
    return Terminal(quiet=options.quiet, json=options.json)


def read_criteria(options: argparse.Namespace) -> Criteria:
    """The criteria; read before any work, so that a typing error costs nothing."""
    return load_criteria(options.criteria)


def read_data(options: argparse.Namespace, terminal: Terminal) -> Collection:
    """The data set, sampled as asked; what it holds is said before the long work begins."""
    collection = read_collection(
        options.data, drop_empty=options.drop_empty, allow_missing=options.allow_missing, split=options.split
    )
    sampled = sample_queries(collection, options.max_samples, np.random.default_rng(options.seed))
    terminal.data(options.data, sampled)
    return sampled


def read_train(options: argparse.Namespace) -> tuple[str, Collection] | None:
    """The training file of the leakage check."""
    if options.train is None:
        return None
    return Path(options.train).name, read_collection(options.train, drop_empty=True, allow_missing=True)


def checkpoint_of(options: argparse.Namespace) -> str:
    """What to measure: ``--checkpoint`` or ``--embeddings``, exactly one of them."""
    given = [value for value in (options.checkpoint, options.embeddings) if value is not None]
    if len(given) != 1:
        came = "both" if given else "neither"
        raise InvalidOptionError(
            f"Pass exactly one of --checkpoint (a model) and --embeddings (vectors made before); {came} came."
        )
    return str(given[0])


def embed(
    path: str, collection: Collection, options: argparse.Namespace, terminal: Terminal, *, with_base: bool = True
) -> Run:
    """Vectors of ``collection`` under the checkpoint or the embedding file at ``path``."""
    if path == getattr(options, "embeddings", None) or is_precomputed_file(path):
        found = load_precomputed(path, collection)
        terminal.model(found.facts)
        return Run(found, None)
    return _encoded(path, collection, options, terminal, with_base=with_base)


def embed_baselines(options: argparse.Namespace, collection: Collection, terminal: Terminal) -> dict[str, Embeddings]:
    """Vectors of the run named by ``--baseline``, by its name; nothing where it is not given."""
    if options.baseline is None:
        return {}
    return {options.baseline: embed(options.baseline, collection, options, terminal, with_base=False).embeddings}


def _encoded(
    path: str, collection: Collection, options: argparse.Namespace, terminal: Terminal, *, with_base: bool
) -> Run:
    store = EmbeddingStore(
        None if options.cache_dir is None else Path(options.cache_dir),
        warn=terminal.warn,
        is_enabled=not options.no_cache,
    )
    model = load_model(path, **model_options(options), hashes=store.hashes)
    terminal.model(model.facts)
    with terminal.progress("Encoding", unit="texts") as progress:
        found = embed_collection(collection, model, store, batch_size=options.batch_size, progress=progress)
    terminal.step(f"Encoded {found.n_encoded:,} texts, {found.n_cached:,} from the cache, in {found.elapsed_s:.1f} s")
    if not with_base or model.facts.head is None:
        return Run(found, None, model, store)
    # The head sits on base vectors that are in the cache by now, so the base model costs nothing more.
    base = embed_collection(collection, model.without_head(), store, batch_size=options.batch_size)
    return Run(found, base, model, store)


def model_options(options: argparse.Namespace) -> dict[str, Any]:
    """The options that say how a checkpoint is to be loaded."""
    chosen = {
        "base_model": options.base_model,
        "pooling": None if options.pooling is None else Pooling(options.pooling),
        "max_length": options.max_length,
        "device": Device(options.device),
    }
    if hasattr(options, "backend"):  # not every command lets them be chosen
        chosen["backend"] = Backend(options.backend)
        chosen["precision"] = Precision(options.precision)
    return chosen


def analysis_options(options: argparse.Namespace, *, maps: tuple[str, ...] = ()) -> Options:
    """The options of the analysis."""
    chosen = Options(
        seed=options.seed,
        n_draws=max(options.draws, 100),
        n_examples=options.examples,
        asked=tuple(options.query),
        maps=maps,
        device=Device(options.device),
    )
    if hasattr(options, "perplexity"):
        chosen = replace(chosen, perplexity=options.perplexity, map_budget=options.map_points)
    return chosen
