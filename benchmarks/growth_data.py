"""Made texts and vectors of any size, and the command lines that read them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from embedscope.scale.shard_writer import write_shards

DIM = 64
N_WORDS = 20_000
WORDS_A_TEXT = 10
N_TOPICS = 50


@dataclass(frozen=True, slots=True)
class Size:
    """How many documents there are, and how many queries."""

    documents: int
    queries: int


@dataclass
class Work:
    """A scratch folder, and the command lines of a size; what a size needs is written when it is first asked for."""

    folder: Path
    seed: int
    written: dict[str, tuple[Size, Path]] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        """Where a command writes."""
        return self.folder / "output"

    def evaluate(self, size: Size) -> list[str]:
        return ["evaluate", *self._data(size), *self._embeddings(size), *self._out()]

    def visualize(self, size: Size) -> list[str]:
        return ["visualize", *self._data(size), *self._embeddings(size), *self._out()]

    def compare(self, size: Size) -> list[str]:
        data = self._data(size)
        return ["compare", *map(str, vector_files(self._place("data", size))), *data, *self._out()]

    def migrate(self, size: Size) -> list[str]:
        data = self._data(size)
        return [
            "migrate",
            *map(str, vector_files(self._place("data", size))),
            *data,
            "--encode-rate",
            "1000",
            *self._out(),
        ]

    def report(self, size: Size) -> list[str]:
        """The page of a run that is there; the run itself is not timed."""
        run(self.evaluate_shards(size))
        return ["report", str(self.output)]

    def audit(self, size: Size) -> list[str]:
        return ["audit", "--data", str(self._rows(size)), *self._out()]

    def train(self, size: Size) -> list[str]:
        model, place = self._model(), self.folder / "output"
        shutil.rmtree(place, ignore_errors=True)
        words = ["--data", str(self._rows(size)), "--base-model", str(model), "--pooling", "mean", "--d-out", str(DIM)]
        return ["train", *words, "--output-dir", str(place), "--epochs", "2", "--quiet"]

    def parity(self, size: Size) -> list[str]:
        model = str(self._model())
        return [
            "parity",
            model,
            model,
            "--data",
            str(self._rows(size)),
            "--pooling",
            "mean",
            "--served-pooling",
            "mean",
            *self._out(),
        ]

    def shard(self, size: Size) -> list[str]:
        return ["shard", *self._data(size)[:2], *self._embeddings(size), *self._out()]

    def evaluate_shards(self, size: Size) -> list[str]:
        place = self._place("shards", size)
        if not place.exists():
            queries, blocks, answers = vectors(size, self.seed)
            write_shards(place, queries, blocks, answers, dtype="float16")
        return ["evaluate", "--embeddings", str(place), *self._out()]

    def plan(self, size: Size) -> list[str]:
        self._out()
        return ["plan", "--documents", str(size.documents), "--queries", str(size.queries), "--dim", str(DIM)]

    def _data(self, size: Size) -> list[str]:
        place = self._place("data", size)
        if not place.exists():
            write_collection(place, size, self.seed)
        return ["--data", str(place), "--max-samples", "0"]

    def _embeddings(self, size: Size) -> list[str]:
        return ["--embeddings", str(vector_files(self._place("data", size))[0])]

    def _rows(self, size: Size) -> Path:
        place = self._place("rows", size)
        if not place.exists():
            write_rows(place, size.documents, self.seed)
        return place / "rows.jsonl"

    def _model(self) -> Path:
        place = self.folder / "model"
        if not place.exists():
            write_model(place, self.seed)
        return place

    def _place(self, kind: str, size: Size) -> Path:
        """The folder of one kind of input; that of another size is removed."""
        place = self.folder / f"{kind}-{size.documents}-{size.queries}"
        for other in self.folder.glob(f"{kind}-*"):
            if other != place:
                shutil.rmtree(other)
        return place

    def _out(self) -> list[str]:
        shutil.rmtree(self.output, ignore_errors=True)
        return ["--output", str(self.output), "--quiet"]


def run(words: Sequence[str]) -> None:
    """The command line, not measured."""
    subprocess.run([sys.executable, "-m", "embedscope", *words], check=True, stdout=subprocess.DEVNULL)


def texts(n: int, generator: np.random.Generator, mark: str) -> list[str]:
    """Short distinct texts: words whose frequencies fall as 1 / rank, as in any language, and a number."""
    weights = 1.0 / np.arange(1, N_WORDS + 1)
    chosen = generator.choice(N_WORDS, size=(n, WORDS_A_TEXT), p=weights / weights.sum())
    words = np.array([f"w{word:x}" for word in range(N_WORDS)], dtype=object)
    return [" ".join((*row, f"{mark}{i}")) for i, row in enumerate(words[chosen])]


def vectors(size: Size, seed: int) -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    """Queries near their documents, documents around topics, and the document of each query."""
    generator = np.random.default_rng([seed, size.documents, size.queries])
    centres = generator.standard_normal((N_TOPICS, DIM), dtype=np.float32)
    of_document = generator.integers(N_TOPICS, size=size.documents)
    documents = centres[of_document] + generator.standard_normal((size.documents, DIM), dtype=np.float32)
    answers = np.arange(size.queries) * 7919 % size.documents
    queries = documents[answers] + 0.8 * generator.standard_normal((size.queries, DIM), dtype=np.float32)
    return queries, documents, [[int(answer)] for answer in answers]


def vector_files(folder: Path) -> tuple[Path, Path]:
    """The vectors of two models."""
    return folder / "one.npz", folder / "two.npz"


def write_collection(folder: Path, size: Size, seed: int) -> None:
    """A BEIR folder, and the vectors of two models of it."""
    generator = np.random.default_rng([seed, size.documents])
    (folder / "qrels").mkdir(parents=True)
    queries, documents, answers = vectors(size, seed)
    for name, mark, n in (("corpus", "d", size.documents), ("queries", "q", size.queries)):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for i, text in enumerate(texts(n, generator, mark)):
                file.write(json.dumps({"_id": f"{mark}{i}", "text": text}) + "\n")
    judged = [f"q{i}\td{row}\t1\n" for i, (row,) in enumerate(answers)]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged), encoding="utf-8")
    ids = {
        "query_ids": np.array([f"q{i}" for i in range(size.queries)]),
        "document_ids": np.array([f"d{i}" for i in range(size.documents)]),
    }
    for file, noise in zip(vector_files(folder), (0.0, 0.3), strict=True):
        moved = noise * generator.standard_normal(documents.shape, dtype=np.float32)
        np.savez(file, queries=queries, documents=documents + moved, **ids)


def write_rows(folder: Path, n: int, seed: int) -> None:
    """Rows of a training file: a query, its positive, two typed hard negatives."""
    generator = np.random.default_rng([seed, n])
    folder.mkdir(parents=True)
    columns = [texts(n, generator, mark) for mark in ("q", "p", "a", "b")]
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for query, positive, first, second in zip(*columns, strict=True):
            negatives = [{"text": first, "type": ["place"]}, {"text": second, "type": ["price"]}]
            file.write(json.dumps({"query": query, "pos": positive, "hard_neg": negatives}) + "\n")


def write_model(folder: Path, seed: int) -> None:
    """A transformer of one small layer, which encodes thousands of texts a second."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    names = {"bos_token": "[CLS]", "pad_token": "[PAD]", "eos_token": "[SEP]", "unk_token": "[UNK]"}
    vocabulary = {word: i for i, word in enumerate([*names.values(), *(f"w{word:x}" for word in range(N_WORDS))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=DIM, num_hidden_layers=1, num_attention_heads=2, intermediate_size=DIM,
        max_position_embeddings=64, pad_token_id=1,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
