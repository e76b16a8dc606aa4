"""A transformer of the shape of BGE-M3, small enough to be made for every test run, and heads saved in every way."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_WORDS = "phòng trọ quận một hai ba giá rẻ gần trường đại học có gác máy lạnh ban công yên tĩnh a b c d e"
TEXTS = ("phòng trọ quận một giá rẻ", "gần trường đại học", "có gác máy lạnh ban công", "yên tĩnh", "a b c d e a b")


@dataclass(frozen=True)
class Tiny:
    """A base model on disk and its tensors in memory."""

    folder: Path
    model: Any
    tokenizer: Any
    width: int

    def pooled(self, texts: Sequence[str], pooling: str = "mean") -> Any:
        """The oracle: pooled vectors as the original training code computes them, text by text."""
        import torch

        rows = []
        with torch.no_grad():
            for text in texts:
                hidden = self.model(**self.tokenizer([text], return_tensors="pt")).last_hidden_state[0]
                rows.append({"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1]}[pooling])
        return torch.stack(rows)


def _tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    vocabulary = {word: number for number, word in enumerate([*special, *_WORDS.split()])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = ("bos_token", "pad_token", "eos_token", "unk_token")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **dict(zip(names, special, strict=True)))
    fast.save_pretrained(folder)
    return fast


def _make(folder: Path, width: int, seed: int = 0) -> Tiny:
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    config = XLMRobertaConfig(
        vocab_size=40, hidden_size=width, num_hidden_layers=2, num_attention_heads=4, intermediate_size=2 * width,
        max_position_embeddings=66, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    model = XLMRobertaModel(config).eval()
    model.save_pretrained(folder)
    return Tiny(folder, model, _tokenizer(folder), width)


@pytest.fixture(scope="session")
def make_tiny() -> Callable[..., Tiny]:
    """Builds a base model: ``make_tiny(folder, width, seed=0)``."""
    return _make


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A base model of width 32 with two layers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _make(tmp_path_factory.mktemp("tiny") / "base", 32)


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
