"""What an analysis may be told, with the defaults of the contract."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from embedscope.settings import Device

DEFAULT_MEASURES = (
    "MRR",
    "MRR@10",
    "Success@1",
    "Success@5",
    "Success@10",
    "Recall@10",
    "Recall@100",
    "nDCG@10",
    "MAP@100",
)
PRIMARY_MEASURES = ("MRR", "Success@1")
"""Declared before anything is measured: Holm corrects over these."""

TIE_TOLERANCE = 1e-6
"""Cosines of float32 vectors closer than this are tied (conventions, section 2)."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of :func:`embedscope.pipeline.analyse`.

    ``k`` ranks are kept for each query; ``map_budget`` bounds the points on a map and ``heatmap_cells`` the rows and
    columns of the heatmap. ``n_draws`` is the number of bootstrap and permutation draws. ``device`` computes
    matrices of a billion scores or more; the numbers are those of the processor.
    """

    measures: tuple[str, ...] = DEFAULT_MEASURES
    k: int = 10
    seed: int = 42
    n_draws: int = 10_000
    tie_tolerance: float = TIE_TOLERANCE
    lexical: bool = True
    maps: tuple[str, ...] = ("tsne", "umap")
    perplexity: float | None = None
    map_budget: int = 20_000
    heatmap_cells: int = 40
    n_examples: int = 6
    asked: tuple[str, ...] = ()
    device: str = Device.CPU

    def generator(self, purpose: str) -> np.random.Generator:
        """A random generator for one purpose: leaving one step out changes no other step's numbers."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])


DEFAULTS = Options()
