"""Broken files of every kind that embedscope reads: each is read, or refused with one message, and nothing else.

``python -m tools.fuzz`` looks at every kind for a minute; ``--seconds 600``, ``--seed 1`` and names of kinds change
that. An input that raises anything else is kept, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

import embedscope
from embedscope.cli.main import main as embedscope_main
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.decide.criteria import load_criteria
from embedscope.errors import EmbedscopeError
from embedscope.log import SILENT
from embedscope.models.head_files import read_head_file
from embedscope.models.precomputed import read_precomputed
from embedscope.output.page.html import render_run_folder
from embedscope.output.run_files import write_run
from embedscope.result.saved_run import read_run
from embedscope.scale.shard_folder import ShardFolder
from embedscope.settings import Settings, TrainSettings
from embedscope.train.merged_settings import merged

INSERTED = (
    b'"', b",", b"\t", b"\n", b"[", b"]", b"{", b"}", b"null", b"NaN", b"1e999", b"\x00", b"\xff", b"\\ud800",
    b"9" * 30, b"9" * 5000, b"true", b"[]", b"{}", b"-1", b'""', b"inf", b"=",
)  # fmt: skip
N_ROWS = 12


@dataclass(frozen=True, slots=True)
class Subject:
    """Whole files, and what reads a copy of them; ``name`` is the file that is read, "" for their folder."""

    files: dict[str, bytes]
    read: Callable[[Path], object]
    name: str = ""


def subjects(scene: Path) -> dict[str, list[Subject]]:
    """Subjects by kind, made in the folder ``scene``."""
    rows = json.loads(Path(sample_path("test")).read_text(encoding="utf-8"))[:N_ROWS]
    data = scene / "data.json"
    data.write_text(json.dumps(rows), encoding="utf-8")
    collection = read_collection(data)
    texts = [*collection.queries, *(d for d in collection.documents if d not in set(collection.queries))]
    vectors = np.random.default_rng(0).standard_normal((len(texts), 8)).astype(np.float32)
    np.savez(scene / "vectors.npz", texts=np.array(texts), vectors=vectors)
    table = pa.table({"text": texts, "vector": list(vectors)})
    pq.write_table(table, scene / "vectors.parquet")
    feather.write_feather(table, scene / "vectors.arrow", compression="uncompressed")
    lines = (json.dumps({"text": t, "vector": v.tolist()}) for t, v in zip(texts, vectors, strict=True))
    (scene / "vectors.jsonl").write_text("\n".join(lines), encoding="utf-8")
    of_vectors = partial(read_precomputed, collection=collection)
    files = ("vectors.npz", "vectors.parquet", "vectors.arrow", "vectors.jsonl")
    return {
        "rows": list(_row_files(scene, rows)),
        "folders": [Subject(_judged_folder(rows), read_collection)],
        "vectors": [Subject({name: (scene / name).read_bytes()}, of_vectors, name) for name in files],
        "criteria": [Subject({"own.toml": _profile()}, lambda path: load_criteria(str(path)), "own.toml")],
        "configurations": [Subject({"config.json": _configuration()}, _read_configuration, "config.json")],
        "checkpoints": list(_checkpoints(scene)),
        "runs": [Subject(_run_folder(scene), _read_run)],
        "shards": [Subject(_shard_folder(scene), _read_shards)],
    }


def mutated(content: bytes, draw: random.Random) -> bytes:
    """``content`` with a few bytes changed, removed, inserted or repeated, and sometimes cut off."""
    changed = bytearray(content or b" ")
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(changed))
        choice = draw.random()
        if choice < 0.4:
            changed[place] = draw.randrange(256)
        elif choice < 0.6:
            del changed[place : place + draw.randint(1, 40)]
        elif choice < 0.85:
            changed[place:place] = draw.choice(INSERTED)
        else:
            other = draw.randrange(len(changed))
            changed[place : place + 20] = changed[other : other + 20]
        changed = changed or bytearray(b" ")
    return bytes(changed[: draw.randrange(len(changed) + 1)] if draw.random() < 0.1 else changed)


def look(subject: Subject, draw: random.Random, folder: Path) -> None:
    """Read the subject with one file of it broken; what is no ``EmbedscopeError`` is raised."""
    shutil.rmtree(folder, ignore_errors=True)
    broken = draw.choice(sorted(subject.files))
    for name, content in subject.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(mutated(content, draw) if name == broken else content)
    try:
        subject.read(folder / subject.name if subject.name else folder)
    except EmbedscopeError:
        return


def main() -> int:
    """Look at each kind for a while; the exit status is 1 where one raised something else."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help="kinds of files (all)")
    parser.add_argument("--seconds", type=float, default=60, help="time for each kind (60)")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    n_faults = 0
    with tempfile.TemporaryDirectory() as scene:
        for kind, listed in subjects(Path(scene)).items():
            if chosen.kinds and kind not in chosen.kinds:
                continue
            draw, n, faults = random.Random(chosen.seed), 0, 0  # noqa: S311 - no secret is drawn
            end = time.monotonic() + chosen.seconds
            while time.monotonic() < end:
                n += 1
                try:
                    look(draw.choice(listed), draw, Path(scene) / "broken")
                except Exception:
                    faults += 1
                    kept = Path(tempfile.mkdtemp(prefix=f"fuzz-{kind}-"))
                    shutil.copytree(Path(scene) / "broken", kept, dirs_exist_ok=True)
                    traceback.print_exc(limit=-3)
                    print(f"kept in {kept}")
            print(f"{kind}: {n:,} inputs, {faults} faults", flush=True)
            n_faults += faults
    return int(n_faults > 0)


def _row_files(scene: Path, rows: list[dict[str, object]]) -> Iterator[Subject]:
    flat = [{"query": row["query"], "positive": row["pos"], "negative": row["hard_neg"][0]["text"]} for row in rows]  # type: ignore[index]
    pq.write_table(pa.Table.from_pylist(flat), scene / "rows.parquet")
    feather.write_feather(pa.Table.from_pylist(flat), scene / "rows.arrow", compression="uncompressed")
    cells = [list(flat[0]), *(list(row.values()) for row in flat)]
    tables = {"rows.tsv": "\t", "rows.csv": '","'}
    for name, separator in tables.items():
        quote = '"' * (separator != "\t")
        lines = (
            quote + separator.join(" ".join(str(c).replace('"', "'").split()) for c in row) + quote for row in cells
        )
        (scene / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (scene / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    (scene / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for name in ("rows.json", "rows.jsonl", "rows.parquet", "rows.arrow", *tables):
        yield Subject({name: (scene / name).read_bytes()}, read_collection, name)


def _judged_folder(rows: list[dict[str, object]]) -> dict[str, bytes]:
    corpus = (json.dumps({"_id": f"d{i}", "title": "", "text": row["pos"]}) for i, row in enumerate(rows))
    queries = (json.dumps({"_id": f"q{i}", "text": row["query"]}) for i, row in enumerate(rows))
    qrels = ("query-id\tcorpus-id\tscore", *(f"q{i}\td{i}\t1" for i in range(len(rows))))
    parts = {"corpus.jsonl": corpus, "queries.jsonl": queries, "qrels/test.tsv": qrels}
    return {name: "\n".join(lines).encode() for name, lines in parts.items()}


def _profile() -> bytes:
    return (Path(embedscope.__file__).parent / "decide/profiles/checklist.toml").read_bytes()


def _configuration() -> bytes:
    return json.dumps(
        {"epochs": 3, "learning_rate": 1e-3, "temperature": 0.05, "matryoshka": [8, 4], "seed": 1}
    ).encode()


def _read_configuration(path: Path) -> object:
    return merged(TrainSettings(config=str(path), data="train.json"), frozenset({"config", "data"}), SILENT)


def _checkpoints(scene: Path) -> Iterator[Subject]:
    import torch
    from safetensors.torch import save_file

    weights = {"head.linear.weight": torch.ones(4, 8), "head.linear.bias": torch.zeros(4)}
    torch.save({"model_state_dict": weights, "epoch": 1, "config": {"pooling": "mean"}}, scene / "best.pt")
    save_file(weights, scene / "best.safetensors", metadata={"epoch": "1"})
    for name in ("best.pt", "best.safetensors"):
        yield Subject({name: (scene / name).read_bytes()}, read_head_file, name)


def _run_folder(scene: Path) -> dict[str, bytes]:
    settings = Settings.of(data=str(scene / "data.json"), embeddings=str(scene / "vectors.npz"), draws=100)
    result = embedscope.run(settings, skip_tsne=True, skip_umap=True)
    write_run(result, str(scene / "run"), options=settings.as_options(), elapsed_s=0.0)
    names = ("page.json", "report.json", "queries.parquet")
    return {name: (scene / "run" / name).read_bytes() for name in names if (scene / "run" / name).is_file()}


def _read_run(folder: Path) -> object:
    return read_run(folder), render_run_folder(folder)


def _shard_folder(scene: Path) -> dict[str, bytes]:
    shards = scene / "shards"
    data, vectors = scene / "data.json", scene / "vectors.npz"
    embedscope_main(["shard", "--data", str(data), "--embeddings", str(vectors), "--output", str(shards), "--quiet"])
    return {str(path.relative_to(shards)): path.read_bytes() for path in shards.rglob("*") if path.is_file()}


def _read_shards(folder: Path) -> object:
    shards = ShardFolder(folder)
    sides = (shards.queries, shards.documents)
    return shards.judgments(), [
        len(block) for side in sides for i in range(len(side.shards)) for _, block in side.blocks(i, 64)
    ]


if __name__ == "__main__":
    sys.exit(main())
