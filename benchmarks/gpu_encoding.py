"""Texts a second on a CUDA device for a model of the shape of BGE-M3, beside a bare ``SentenceTransformer.encode``.

Claim: on distinct texts keys, order, checks and the store cost less than 3 % over the bare call in float16.

The model is XLM-RoBERTa large (24 layers, width 1,024, 16 heads) with random weights and a small vocabulary, which
changes the size of the table of tokens and not the work. Both sides take the same texts, batch size and number format.

    PYTHONPATH=src python benchmarks/gpu_encoding.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embedscope.models import EmbeddingStore, encode_texts, load_model
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.protocols import Float32Array
from embedscope.settings import Pooling
from gpu_common import chosen_device, gpu_parser, publish, synchronise
from measuring import Claim, alternate

N_WORDS = 5_000


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the transformer and of the texts that it reads."""

    n_layers: int
    width: int
    n_heads: int
    n_texts: int
    batch: int


LARGE = Shape(24, 1024, 16, 4_096, 64)
SMALL = Shape(2, 32, 4, 24, 8)


def write_model(folder: Path, shape: Shape, seed: int) -> None:
    """A transformer of random weights and a tokenizer of ``N_WORDS`` words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    words = {word: number for number, word in enumerate([*special, *(f"w{number}" for number in range(N_WORDS))])}
    tokenizer = Tokenizer(models.WordLevel(words, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(seed)
    config = XLMRobertaConfig(
        vocab_size=len(words),
        hidden_size=shape.width,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        intermediate_size=4 * shape.width,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
    )
    XLMRobertaModel(config).save_pretrained(folder)


def random_texts(n: int, seed: int) -> list[str]:
    """Distinct texts of 16 to 128 words, as long as questions and paragraphs are."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(16, 129, n)
    return [" ".join(f"w{word}" for word in generator.integers(0, N_WORDS, length)) for length in lengths]


def bare_encoder(folder: Path, device: str, dtype: str) -> Any:
    """sentence-transformers on the same folder, pooled as BGE-M3 is."""
    import torch
    from sentence_transformers import SentenceTransformer

    try:
        from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule
        from sentence_transformers.sentence_transformer.modules import Transformer
    except ImportError:  # before release 6
        from sentence_transformers.models import Pooling as PoolingModule
        from sentence_transformers.models import Transformer
    transformer = Transformer(str(folder), model_kwargs={"dtype": getattr(torch, dtype)})
    width = transformer.model.config.hidden_size
    return SentenceTransformer(modules=[transformer, PoolingModule(width, pooling_mode="cls")], device=device).eval()


def encoding_claim(shape: Shape, device: str, repeats: int, seed: int) -> Claim:
    """Both sides on the same texts, in turn; our store is new each time."""
    texts = random_texts(shape.n_texts, seed)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "model"
        write_model(folder, shape, seed)
        encoder = load_model(folder, pooling=Pooling.CLS, device=device).encoder
        assert isinstance(encoder, SentenceTransformerEncoder)
        bare = bare_encoder(folder, device, encoder.dtype)
        vectors: dict[str, Float32Array] = {}

        def ours() -> None:
            with tempfile.TemporaryDirectory() as cache:
                store = EmbeddingStore(Path(cache))
                vectors["ours"] = encode_texts(texts, encoder, store, batch_size=shape.batch).vectors

        def theirs() -> None:
            vectors["theirs"] = np.asarray(bare.encode(texts, batch_size=shape.batch, show_progress_bar=False))

        rounds = alternate({"embedscope": timed(ours, device), "encode": timed(theirs, device)}, repeats=repeats)
    peer = rounds.peer("encode", ours="embedscope")
    seconds = rounds.timing("embedscope").median_s
    cosine = float(np.sum(unit(vectors["ours"]) * unit(vectors["theirs"]), axis=1).min())
    model = f"XLM-R of {shape.n_layers} layers, width {shape.width}, {encoder.dtype}"
    return Claim(
        claim=f"Encoding {len(texts):,} texts with {model}",
        ours=rounds.timing("embedscope"),
        peers=(peer,),
        target="less than 3 % over SentenceTransformer.encode",
        met=1 / peer.ratio < 1.03 and cosine > 0.999,
        note=(
            f"{len(texts) / seconds:,.0f} texts/s beside {len(texts) / peer.median_s:,.0f}; batches of {shape.batch}, "
            f"16 to 128 words; the store is written; smallest cosine of the two sides {cosine:.5f}."
        ),
    )


def timed(call: Callable[[], None], device: str) -> Callable[[], None]:
    """``call`` until the device has done its part."""

    def run() -> None:
        call()
        synchronise(device)

    return run


def unit(rows: Float32Array) -> np.ndarray:
    wide = rows.astype(np.float64)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


def main() -> None:
    options = gpu_parser(__doc__, repeats=5).parse_args()
    device = chosen_device(is_quick=options.quick)
    shape, repeats = (SMALL, 1) if options.quick else (LARGE, options.repeats)
    claims = [] if device is None else [encoding_claim(shape, device, repeats, options.seed)]
    publish(claims, device, options)


if __name__ == "__main__":
    main()
