"""A transformer of the shape of BGE-M3, small enough to be made for every test run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VOCABULARY = "phòng trọ quận một hai ba giá rẻ gần trường đại học có gác máy lạnh ban công yên tĩnh a b c d e"
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
    vocabulary = {word: number for number, word in enumerate([*special, *VOCABULARY.split()])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = ("bos_token", "pad_token", "eos_token", "unk_token")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **dict(zip(names, special, strict=True)))
    fast.save_pretrained(folder)
    return fast


def write_tiny(folder: Path, width: int, seed: int = 0) -> Tiny:
    """A base model of this width with two layers, and its tokenizer, in ``folder``."""
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
