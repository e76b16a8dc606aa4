"""A small retrieval data set, vectors of every quality for it, and the command line run as a user would."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedscope.cli.main import main
from embedscope.data.readers import read_collection
from embedscope.protocols import Float64Array

QUERY_SYLLABLES = "ka ro mi tu se lo vi na pe du"
DOCUMENT_SYLLABLES = "zhq wxf bgv yck jrt hpd qsm fln vtw gzx"
TYPES = ("location", "price", "area")
DIM = 16


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit status and what it said."""

    status: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Done:
    """Run ``embedscope WORDS`` in this process, as the installed program would."""
    capsys.readouterr()
    try:
        status = main([str(word) for word in words])
    except SystemExit as exit_:  # argparse leaves this way
        status = int(exit_.code or 0)
    said = capsys.readouterr()
    return Done(status, said.out, said.err)


def rows(n: int = 40) -> list[dict[str, Any]]:
    """``n`` queries, each with a positive and a hard negative of its own; queries and documents share no word.

    So character n-grams rank at chance, and the vectors alone decide.
    """
    return [
        {
            "query": _words(QUERY_SYLLABLES, i),
            "pos": _words(DOCUMENT_SYLLABLES, i),
            "hard_neg": [{"text": _words(DOCUMENT_SYLLABLES, 1000 + i), "type": TYPES[i % 3], "weight": 1 + i % 3}],
        }
        for i in range(n)
    ]


def _words(syllables: str, number: int) -> str:
    generator = np.random.default_rng([number, len(syllables)])
    return " ".join("".join(generator.choice(syllables.split(), 3)) for _ in range(4))


def write_rows(path: Path, n: int = 40) -> Path:
    """The rows as a file of the original format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows(n)), encoding="utf-8")
    return path


def write_two_models(folder: Path) -> None:
    """Two data sets, ``test.json`` and ``valid.json``, and of the first a poor and a good model."""
    data = write_rows(folder / "test.json")
    write_rows(folder / "valid.json", 30)
    write_vectors(folder / "old.npz", data, 0.4)
    write_vectors(folder / "new.npz", data, 0.9)


def write_vectors(path: Path, data: Path, quality: float = 1.0, *, seed: int = 0, dim: int = DIM) -> Path:
    """Vectors for every text of ``data``: with ``quality`` 1 a query lies on its positive, with 0 anywhere."""
    vectors = _vectors(data, quality, seed, dim)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, texts=np.array(list(vectors)), vectors=np.array(list(vectors.values()), dtype=np.float32))
    return path


def _vectors(data: Path, quality: float, seed: int, dim: int) -> Mapping[str, Float64Array]:
    collection = read_collection(data)
    generator = np.random.default_rng(seed)
    documents = _unit(generator.normal(size=(len(collection.documents), dim)))
    noise = _unit(generator.normal(size=(len(collection.queries), dim)))
    first = documents[collection.relevant[collection.indptr[:-1]]]
    queries = _unit(quality * first + (1.05 - quality) * noise)
    return {
        **dict(zip(collection.documents, documents, strict=True)),
        **dict(zip(collection.queries, queries, strict=True)),
    }


def _unit(vectors: Float64Array) -> Float64Array:
    unit: Float64Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def snapshot(folder: Path) -> dict[str, str]:
    """Every file and folder below ``folder`` with the digest of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


Maker = Callable[[Path], list[str | Path]]
"""Makes bad files in a folder and returns the words of the command that meets them."""
