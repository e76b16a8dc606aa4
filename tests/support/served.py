"""Something to serve: a model of which every word's part is known, and runs of a tiny transformer on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient
from tests.support.tiny_model import VOCABULARY, write_tiny
from tests.support.word_models import WordBag, collection_of, model_of

from embedscope.log import SILENT
from embedscope.models.embed import embed_collection
from embedscope.output.run_files import write_run
from embedscope.pipeline import run
from embedscope.serve.answers import Answers
from embedscope.serve.application import application
from embedscope.serve.bounds import Limits
from embedscope.serve.corpora import RunCorpus
from embedscope.serve.loading import Served
from embedscope.settings import Settings

TOKEN = "the-token-of-the-test"  # noqa: S105 - of a server that lives as long as a test
HOST = "127.0.0.1:8000"
PAIRS = [
    ("red room near park", "red room park"),
    ("blue flat by lake", "blue flat lake"),
    ("old barn", "old wide barn"),
]
WORDS = VOCABULARY.split()


def answers_of(*more: str, pairs: list[tuple[str, str]] = PAIRS, encoder: WordBag | None = None) -> Answers:
    """The answers of a sum of word vectors over these pairs and further documents."""
    collection, model = collection_of(pairs, *more), model_of(encoder or WordBag())
    return Answers(model, RunCorpus(collection, embed_collection(collection, model)), None)


def client_of(answers: Answers | None = None, *, host: str = "127.0.0.1", **limits: Any) -> TestClient:
    """A client of an application that answers, without its token."""
    own = answers or answers_of()
    served = Served(own, {"kind": "embedscope-live", "page_version": 1, "live": own.facts}, "test")
    app, _ = application(served, host=host, token=TOKEN, limits=Limits(**{"rate": 1e6, **limits}), log=SILENT)
    return TestClient(app, base_url=f"http://{HOST}")  # type: ignore[arg-type]


def rows_of_tiny(n: int = 40) -> list[dict[str, Any]]:
    """Rows of the words that the tiny transformer knows; no two queries and no two documents are alike."""

    def text(number: int, length: int) -> str:
        return " ".join(WORDS[(number * (3 + step) + step * step) % len(WORDS)] for step in range(length))

    return [
        {"query": f"{text(i, 4)} {WORDS[i % 24]}", "pos": text(i, 6), "hard_neg": [{"text": text(i + 50, 7)}]}
        for i in range(n)
    ]


def write_tiny_run(folder: Path, *, with_maps: bool = False) -> Path:
    """A run of a tiny transformer, in ``folder / "run"``; model and data lie beside it."""
    model, data = folder / "model", folder / "data.json"
    write_tiny(model, 32)
    data.write_text(json.dumps(rows_of_tiny()), encoding="utf-8")
    settings = Settings.of(
        checkpoint=str(model), pooling="mean", data=str(data), draws=200, explain=0, examples=1,
        skip_tsne=not with_maps, skip_umap=True,
    )  # fmt: skip
    write_run(run(settings), folder / "run", options=settings.as_options(), elapsed_s=0.0)
    return folder / "run"
