"""A small transformer for every test, and heads saved in every way."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.support.tiny_model import TEXTS, Tiny, write_tiny


@pytest.fixture(scope="session")
def make_tiny() -> Callable[..., Tiny]:
    """Builds a base model: ``make_tiny(folder, width, seed=0)``."""
    return write_tiny


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A base model of width 32 with two layers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return write_tiny(tmp_path_factory.mktemp("tiny") / "base", 32)


@pytest.fixture(scope="session")
def head_tensors() -> dict[str, Any]:
    """A trained head (8, 32) with layer norm, under the names of the original project."""
    import torch

    generator = torch.Generator().manual_seed(5)
    return {
        "head.linear.weight": torch.randn(8, 32, generator=generator),
        "head.ln.weight": torch.rand(8, generator=generator) + 0.5,
        "head.ln.bias": torch.randn(8, generator=generator),
    }


@pytest.fixture(scope="session")
def texts() -> tuple[str, ...]:
    return TEXTS


@pytest.fixture(scope="session")
def expected(tiny: Tiny, head_tensors: dict[str, Any]) -> np.ndarray:
    """What the original model gives for ``TEXTS``: mean pool, linear, layer norm, L2 normalise, in torch."""
    return reference(tiny.pooled(TEXTS), head_tensors)


def reference(pooled: Any, head: dict[str, Any]) -> np.ndarray:
    """The head of the original project in torch."""
    import torch.nn.functional as functional

    x = functional.linear(pooled, head["head.linear.weight"], head.get("head.linear.bias"))
    if "head.ln.weight" in head:
        x = functional.layer_norm(x, x.shape[-1:], head["head.ln.weight"], head["head.ln.bias"])
    return functional.normalize(x, dim=-1).numpy()


@pytest.fixture(scope="session")
def torch_head() -> Callable[[Any, dict[str, Any]], np.ndarray]:
    return reference
