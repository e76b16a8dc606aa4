"""Models that score by other than one vector a text, small enough to be made for every test run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.tiny_model import Tiny, write_tiny


def write_m3(folder: Path, *, heads: tuple[str, ...] = ("sparse", "colbert"), seed: int = 3) -> Tiny:
    """A base model with heads of FlagEmbedding beside it."""
    tiny = write_tiny(folder, 32, seed)
    tiny.tokenizer.cls_token, tiny.tokenizer.sep_token = "<s>", "</s>"
    tiny.tokenizer.save_pretrained(folder)
    write_heads(folder, 32, heads, seed)
    return tiny


def write_heads(folder: Path, width: int, heads: tuple[str, ...] = ("sparse", "colbert"), seed: int = 3) -> None:
    """Heads of FlagEmbedding beside a transformer: a weight a token, and a vector of 16 numbers a token."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    for name, n_out, scale in (("sparse", 1, 0.1), ("colbert", 16, 1.0)):
        if name in heads:
            weight = torch.randn(n_out, width, generator=generator) * scale
            bias = torch.rand(n_out, generator=generator) + 0.5
            torch.save({"weight": weight, "bias": bias}, folder / f"{name}_linear.pt")


def write_splade(folder: Path, seed: int = 4) -> Any:
    """A SPLADE model of sentence-transformers, saved in ``folder``."""
    import torch
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import SpladePooling
    from transformers import XLMRobertaForMaskedLM

    base = folder.parent / f"{folder.name}-base"
    tiny = write_tiny(base, 32, seed)
    torch.manual_seed(seed)
    model = XLMRobertaForMaskedLM(tiny.model.config).eval()
    torch.nn.init.normal_(model.lm_head.bias, std=0.5)
    model.save_pretrained(base)
    encoder = SparseEncoder(modules=[_transformer(base, "fill-mask"), SpladePooling("max")], device="cpu")
    encoder.save_pretrained(str(folder), create_model_card=False)
    return encoder


def write_late(folder: Path, seed: int = 5) -> Any:
    """A late-interaction model of sentence-transformers with prompts, saved in ``folder``."""
    import torch
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense, Normalize
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    base = folder.parent / f"{folder.name}-base"
    write_tiny(base, 32, seed)
    torch.manual_seed(seed)
    projection = Dense(
        32, 16, bias=False, activation_function=torch.nn.Identity(), module_input_name="token_embeddings"
    )
    modules = [
        _transformer(base, "feature-extraction"), projection, MultiVectorMask(["a"]),
        Normalize(module_input_name="token_embeddings"),
    ]  # fmt: skip
    encoder = MultiVectorEncoder(modules=modules, device="cpu", prompts={"query": "hai ", "document": "ba "})
    encoder.save_pretrained(str(folder), create_model_card=False)
    return encoder


def write_cross(folder: Path, seed: int = 6, n_labels: int = 1) -> Any:
    """A cross-encoder of sentence-transformers, saved in ``folder``."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import XLMRobertaForSequenceClassification

    base = folder.parent / f"{folder.name}-base"
    tiny = write_tiny(base, 32, seed)
    tiny.model.config.num_labels = n_labels
    torch.manual_seed(seed)
    model = XLMRobertaForSequenceClassification(tiny.model.config).eval()
    torch.nn.init.normal_(model.classifier.out_proj.weight, std=1.0)
    model.save_pretrained(base)
    encoder = CrossEncoder(str(base), device="cpu")
    encoder.save_pretrained(str(folder), create_model_card=False)
    return encoder


def _transformer(folder: Path, task: str) -> Any:
    from sentence_transformers.base.modules import Transformer

    return Transformer(str(folder), transformer_task=task)
