"""The pages of the documentation, their commands, and a folder of small files that go by the names the pages use:

====================================  ================================================================
``checkpoints/epoch{1,2,3}.pt``,      heads (128, 1024), as the original project saves them
``checkpoints/best.pt``
``models/bge-m3``                     a tiny XLM-R of width 1024, also under the hub name BAAI/bge-m3
``data/{train,valid,test}.json``      the first rows of the sample data
``data/beir``                         a BEIR folder
``data/finetune.jsonl``               training rows of FlagEmbedding
``predictions/{old,new}``             what mteb returned for ``data/beir``, a file of the name of a task
``tuned``                             the tiny XLM-R as sentence-transformers writes it, also under the hub name
                                      sentence-transformers/all-MiniLM-L6-v2
``finetuned``                         the same as FlagEmbedding writes it, with its three heads
``vectors.npz``                       vectors for ``data/test.json``
``my.toml``                           the criteria that docs/ci.md shows
``production``                        the folder of an old run
``http://127.0.0.1:8000/v1``          an endpoint, at another port
====================================  ================================================================
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.scene import write_vectors
from tests.support.tiny_scorers import write_cross, write_heads, write_splade

from embedscope.cli import main as cli
from embedscope.data.sample import sample_path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/*.md"),
        *ROOT.glob("skills/**/*.md"),
    ]
)

ENDPOINT = "http://127.0.0.1:8000/v1"
"""Address that the pages give; where an endpoint listens in truth takes its place."""

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}: {self.text.strip().splitlines()[0][:60]}"


def blocks(*languages: str) -> list[Block]:
    """Every fenced block in one of the languages, page by page."""
    return [
        Block(page, match[1], match[2])
        for page in PAGES
        for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if match[1] in languages
    ]


def commands(block: Block) -> Iterator[str]:
    """The commands of a block, continued lines joined; of a console block those after ``$``, of a workflow ours.

    What a page says of a command behind it (``  # exit status 3``) is no part of it.
    """
    if block.language == "yaml":
        import yaml

        content = yaml.safe_load(block.text)
        steps = [step for job in content.get("jobs", {}).values() for step in job["steps"]]
        lines = [step.get("run", "") for step in steps]
        lines += [line for job in content.values() if isinstance(job, dict) for line in job.get("script", [])]
        scripts = (Block(block.page, "bash", line) for line in lines)
        yield from (line for script in scripts for line in commands(script) if line.startswith("embedscope"))
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        command = line.partition("  # ")[0].strip()
        if block.language == "console":
            if command.startswith("$ "):
                yield command.removeprefix("$ ")
        elif command:
            yield command


def write_desk(folder: Path) -> None:
    """Every file that the documentation speaks of, in ``folder``."""
    for split, n in (("train", 40), ("valid", 36), ("test", 48)):
        rows = json.loads(sample_path(split).read_text(encoding="utf-8"))[:n]
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / f"{split}.json").write_text(json.dumps(rows), encoding="utf-8")
    _write_beir(folder / "data" / "beir", json.loads((folder / "data" / "test.json").read_text(encoding="utf-8")))
    _write_finetuning_rows(folder / "data" / "finetune.jsonl", folder / "data" / "train.json")
    _write_predictions(folder / "predictions", folder / "data" / "beir")
    write_vectors(folder / "vectors.npz", folder / "data" / "test.json", 0.8)
    criteria = next(block for block in blocks("toml") if block.page == ROOT / "docs" / "ci.md")
    (folder / "my.toml").write_text(criteria.text, encoding="utf-8")
    _write_models(folder)
    words = ["evaluate", "--embeddings", "vectors.npz", "--data", "data/test.json", "--output", "production", "--quiet"]
    with contextlib.chdir(folder):
        assert cli.main(words) == 0


def _write_beir(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "qrels").mkdir(parents=True)
    documents = list(dict.fromkeys(row["pos"] for row in rows))
    corpus = [json.dumps({"_id": f"d{i}", "title": "", "text": text}) for i, text in enumerate(documents)]
    queries = [json.dumps({"_id": f"q{i}", "text": row["query"]}) for i, row in enumerate(rows)]
    judged = [f"q{i}\td{documents.index(row['pos'])}\t1" for i, row in enumerate(rows)]
    (folder / "corpus.jsonl").write_text("\n".join(corpus), encoding="utf-8")
    (folder / "queries.jsonl").write_text("\n".join(queries), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]), encoding="utf-8")


def _write_finetuning_rows(path: Path, data: Path) -> None:
    rows = json.loads(data.read_text(encoding="utf-8"))
    lines = [{"query": row["query"], "pos": [row["pos"]], "neg": [n["text"] for n in row["hard_neg"]]} for row in rows]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")


def _write_predictions(folder: Path, beir: Path) -> None:
    """Rankings of the documents of a BEIR folder: the newer model puts the right one first more often."""
    lines = (beir / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    judged = [line.split("\t") for line in lines]
    for name, n_right in (("old", 20), ("new", 40)):
        found = {
            query: {document: 0.9 if i < n_right else 0.4, judged[i - 7][1]: 0.5}
            for i, (query, document, _) in enumerate(judged)
        }
        (folder / name).mkdir(parents=True)
        content = {"mteb_model_meta": {"model_name": name, "revision": "0"}, "default": {"test": found}}
        (folder / name / "SciFact_predictions.json").write_text(json.dumps(content), encoding="utf-8")


def _write_models(folder: Path) -> None:
    import torch

    base = folder / "models" / "bge-m3"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _write_tiny_base(base, (folder / "data" / "test.json").read_text(encoding="utf-8"))
    write_pooled(base, folder / "tuned")
    cache_in_hub(base, folder / "hub", "BAAI/bge-m3")
    cache_in_hub(folder / "tuned", folder / "hub", "sentence-transformers/all-MiniLM-L6-v2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_heads(base, 1024)
        shutil.copytree(base, folder / "finetuned")
        write_splade(folder / "models" / "splade")
        write_cross(folder / "models" / "reranker")
    (folder / "checkpoints").mkdir()
    for name, seed in (("epoch1", 1), ("epoch2", 2), ("epoch3", 3), ("best", 3)):
        weight = torch.randn(128, 1024, generator=torch.Generator().manual_seed(seed)) / 32
        state = {"model_state_dict": {"head.linear.weight": weight}, "epoch": seed, "val_loss": 1 / seed}
        torch.save(state, folder / "checkpoints" / f"{name}.pt")


def write_pooled(base: Path, folder: Path) -> None:
    """The folder of a transformer as sentence-transformers writes it, with pooling by the mean."""
    shutil.copytree(base, folder)
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds.items())
    ]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 1024, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")


def cache_in_hub(model: Path, hub: Path, name: str) -> None:
    """A copy of the folder of a model in a cache of the hub, as if it had been fetched by this name."""
    folder = hub / f"models--{name.replace('/', '--')}"
    shutil.copytree(model, folder / "snapshots" / "0")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0")


def _write_tiny_base(folder: Path, text: str) -> None:
    """A model of the shape of BGE-M3 that knows the words of ``text``."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    words = sorted(set(re.findall(r"\w+", json.dumps(json.loads(text), ensure_ascii=False))))
    vocabulary = {word: number for number, word in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    named = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), special, strict=True))
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(vocabulary), hidden_size=1024, num_hidden_layers=1, num_attention_heads=4, intermediate_size=32,
        max_position_embeddings=130, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    XLMRobertaModel(config).eval().save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)
