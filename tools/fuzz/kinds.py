"""The kinds of files that embedscope reads: a whole one of each, and what reads it."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from tools.fuzz.mutations import mutated
from tools.fuzz.odd_tensors import with_odd_tensor

import embedscope
from embedscope.cli.main import UNUSABLE, build_parser, command_named
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.decide.criteria import load_criteria
from embedscope.errors import CheckpointError
from embedscope.log import SILENT
from embedscope.measure.abbreviations import load_abbreviations
from embedscope.models.checkpoint import load_checkpoint
from embedscope.models.head_files import read_head_file
from embedscope.models.model import load_model
from embedscope.models.precomputed import read_precomputed
from embedscope.output.page.html import render_run_folder
from embedscope.result.saved_run import read_run
from embedscope.scale.shard_folder import ShardFolder
from embedscope.settings import Pooling, TrainSettings
from embedscope.train.merged_settings import merged

N_ROWS = 12
SLOW = ("audits", "models", "adapters", "commands")
"""Kinds whose inputs take a twentieth of a second or more each."""

Files = dict[str, bytes]


def one_broken(files: Mapping[str, bytes], draw: random.Random) -> Files:
    """``files`` with one of them broken; of several, one is sometimes gone, empty or has the content of another."""
    broken = draw.choice(sorted(files))
    changed = dict(files)
    choice = draw.random() if len(files) > 1 else 1.0
    if choice < 0.03:
        del changed[broken]
    elif choice < 0.06:
        changed[broken] = b""
    elif choice < 0.09:
        changed[broken] = files[draw.choice(sorted(files))]
    else:
        changed[broken] = mutated(files[broken], draw)
    return changed


@dataclass(frozen=True, slots=True)
class Subject:
    """Whole files, and what reads a copy of them; ``name`` is the file that is read, "" for their folder."""

    files: Mapping[str, bytes]
    read: Callable[[Path], object]
    name: str = ""
    broken: Callable[[Mapping[str, bytes], random.Random], Files] = field(default=one_broken)

    def write(self, folder: Path, files: Mapping[str, bytes]) -> Path:
        """Write ``files`` into ``folder``; the path that is read."""
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / self.name if self.name else folder


def makers() -> dict[str, Callable[[Path], list[Subject]]]:
    """What makes the subjects of each kind in an empty folder."""
    return {
        "rows": _rows,
        "folders": _folders,
        "columns": _columns,
        "audits": _audits,
        "vectors": _vectors,
        "tables of vectors": _tables_of_vectors,
        "archives of vectors": _archives_of_vectors,
        "criteria": _criteria,
        "abbreviations": _abbreviations,
        "configurations": _configurations,
        "heads": _heads,
        "odd tensors": _odd_tensors,
        "models": _models,
        "adapters": _adapters,
        "names": _names,
        "runs": _runs,
        "pages": _pages,
        "shards": _shards,
        "commands": _commands,
    }


# --- data sets ----------------------------------------------------------------------------------------------------


def _sample() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(sample_path("test")).read_text(encoding="utf-8"))
    return found[:N_ROWS]


def _lines(rows: Sequence[object]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def _rows(scene: Path) -> list[Subject]:
    return [Subject({name: content}, read_collection, name) for name, content in _row_files().items()]


def _row_files() -> Files:
    rows = _sample()
    flat = [{"query": row["query"], "positive": row["pos"], "negative": row["hard_neg"][0]["text"]} for row in rows]
    cells = [list(flat[0]), *(list(row.values()) for row in flat)]
    plain = [[" ".join(str(cell).replace('"', "'").split()) for cell in row] for row in cells]
    ids = {
        "queries": {f"q{i}": row["query"] for i, row in enumerate(rows)},
        "corpus": {f"d{i}": row["pos"] for i, row in enumerate(rows)},
        "relevant_docs": {f"q{i}": [f"d{i}"] for i in range(len(rows))},
    }
    labelled = [{"question": row["query"], "passages": [row["pos"]], "label": 1} for row in rows]
    whole = json.dumps(rows).encode()
    return {
        "rows.json": whole,
        "rows.jsonl": _lines(rows),
        "labelled.jsonl": _lines(labelled),
        "flat.jsonl": _lines(flat),
        "ids.json": json.dumps(ids).encode(),
        "rows.tsv": "\n".join("\t".join(row) for row in plain).encode(),
        "rows.csv": "\n".join(",".join(f'"{cell}"' for cell in row) for row in plain).encode(),
        "rows.parquet": _parquet(pa.Table.from_pylist(flat)),
        "nested.parquet": _parquet(pa.Table.from_pylist(rows)),
        "rows.arrow": _arrow(pa.Table.from_pylist(flat)),
        "rows.json.gz": gzip.compress(whole),
        "rows.jsonl.bz2": bz2.compress(_lines(rows)),
        "rows.json.xz": lzma.compress(whole),
    }


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _arrow(table: pa.Table) -> bytes:
    out = io.BytesIO()
    feather.write_feather(table, out, compression="uncompressed")
    return out.getvalue()


def _folders(scene: Path) -> list[Subject]:
    rows = _sample()
    corpus = [{"_id": f"d{i}", "title": "", "text": row["pos"]} for i, row in enumerate(rows)]
    queries = [{"_id": f"q{i}", "text": row["query"]} for i, row in enumerate(rows)]
    pairs = [{"query-id": f"q{i}", "corpus-id": f"d{i}", "score": 1} for i in range(len(rows))]
    texts = {"corpus.jsonl": _lines(corpus), "queries.jsonl": _lines(queries)}
    header = "query-id\tcorpus-id\tscore"
    judged = {
        "qrels/test.tsv": "\n".join([header, *(f"q{i}\td{i}\t1" for i in range(len(rows)))]).encode(),
        "qrels/test.txt": "\n".join(f"q{i} 0 d{i} 1" for i in range(len(rows))).encode(),
        "qrels/test.jsonl": _lines(pairs),
    }
    parquet = {
        "corpus/test-00000-of-00001.parquet": _parquet(pa.Table.from_pylist(corpus)),
        "queries/test-00000-of-00001.parquet": _parquet(pa.Table.from_pylist(queries)),
        "data/test-00000-of-00001.parquet": _parquet(pa.Table.from_pylist(pairs)),
    }
    by_split = {"train.jsonl": _lines(rows), "test.jsonl": _lines(rows)}
    layouts = [*({**texts, name: content} for name, content in judged.items()), parquet, by_split]
    return [Subject(layout, read_collection) for layout in layouts]


def _columns(scene: Path) -> list[Subject]:
    (scene / "flat.jsonl").write_bytes(_row_files()["flat.jsonl"])

    def read(path: Path) -> object:
        said = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return read_collection(scene / "flat.jsonl", columns=said[1:], split=said[0] if said else None)

    words = b"first:0.9\nquery=query\npositive=positive\nnegatives=neg*"
    return [Subject({"columns": words}, read, "columns")]


def _audits(scene: Path) -> list[Subject]:
    files = _row_files()
    files = {name: files[name] for name in ("rows.json", "rows.jsonl", "labelled.jsonl", "flat.jsonl", "rows.csv")}
    reads = partial(_command, "audit", "--quiet", "--draws", "100", "--fix", "{folder}/fixed.json", "--data", "{path}")
    return [Subject({name: content}, reads, name) for name, content in files.items()]


# --- vectors ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Vectors:
    """A data set on disk, and a vector for each of its texts."""

    data: Path
    texts: list[str]
    vectors: np.ndarray

    @classmethod
    def write(cls, scene: Path) -> _Vectors:
        data = scene / "data.json"
        data.write_text(json.dumps(_sample()), encoding="utf-8")
        collection = read_collection(data)
        texts = list(dict.fromkeys([*collection.queries, *collection.documents]))
        return cls(data, texts, np.random.default_rng(0).standard_normal((len(texts), 8)).astype(np.float32))

    def table(self) -> pa.Table:
        return pa.table({"text": self.texts, "vector": list(self.vectors)})

    def npz(self) -> bytes:
        return _npz(texts=np.array(self.texts), vectors=self.vectors)

    def subject(self, files: Files, name: str) -> Subject:
        return Subject(files, partial(read_precomputed, collection=read_collection(self.data)), name)


def _npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def _vectors(scene: Path) -> list[Subject]:
    made = _Vectors.write(scene)
    rows = [{"text": text, "vector": row.tolist()} for text, row in zip(made.texts, made.vectors, strict=True)]
    labelled = {"v.npy": _npy(made.vectors), "v.txt": "\n".join(map(_one_line, made.texts)).encode()}
    return [
        made.subject({"v.jsonl": _lines(rows)}, "v.jsonl"),
        made.subject({"v.json": json.dumps(rows).encode()}, "v.json"),
        made.subject({"v.json.gz": gzip.compress(_lines(rows))}, "v.json.gz"),
        made.subject({"v.npy": labelled["v.npy"], "v.json": json.dumps(made.texts).encode()}, "v.npy"),
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tables_of_vectors(scene: Path) -> list[Subject]:
    made = _Vectors.write(scene)
    files = {"v.parquet": _parquet(made.table()), "v.arrow": _arrow(made.table())}
    return [made.subject({name: content}, name) for name, content in files.items()]


def _archives_of_vectors(scene: Path) -> list[Subject]:
    made = _Vectors.write(scene)
    (scene / "ids.json").write_bytes(_row_files()["ids.json"])
    collection = read_collection(scene / "ids.json")
    n = len(collection.queries)
    two = _npz(
        query_ids=np.array(collection.query_ids),
        queries=made.vectors[:n],
        document_ids=np.array(collection.document_ids),
        documents=np.ones((len(collection.documents), 8), dtype=np.float16),
    )
    by_id = Subject({"two.npz": two}, partial(read_precomputed, collection=collection), "two.npz")
    return [made.subject({"one.npz": made.npz()}, "one.npz"), by_id]


# --- settings -----------------------------------------------------------------------------------------------------


def _criteria(scene: Path) -> list[Subject]:
    profiles = Path(embedscope.__file__).parent / "decide/profiles"
    return [
        Subject({"own.toml": path.read_bytes()}, lambda path: load_criteria(str(path)), "own.toml")
        for path in sorted(profiles.glob("*.toml"))
    ]


def _abbreviations(scene: Path) -> list[Subject]:
    pairs = '[pairs]\n"air conditioning" = "ac"\n"platform {n}" = ["p{n}", "pl {n}"]\n"square metres" = ["sqm"]\n'

    def read(path: Path) -> object:
        found = load_abbreviations(path)
        text = "Platform 10, 40 square metres with air conditioning, ac and p3"
        return found.shortened(text), found.spelled_out(text)

    return [Subject({"own.toml": pairs.encode()}, read, "own.toml")]


def _configurations(scene: Path) -> list[Subject]:
    stated = {"epochs": 3, "learning_rate": 1e-3, "temperature": 0.05, "matryoshka": [8, 4], "seed": 1, "split": 0.2}
    stated |= {"pooling": "mean", "use_layernorm": True, "select": "nDCG@10", "patience": 2}

    def read(path: Path) -> object:
        return merged(TrainSettings(config=str(path), data="train.json"), frozenset({"config", "data"}), SILENT)

    return [Subject({"config.json": json.dumps(stated).encode()}, read, "config.json")]


# --- checkpoints --------------------------------------------------------------------------------------------------


def _head_files() -> Files:
    import torch
    from safetensors.torch import save

    weights = {
        "head.linear.weight": torch.randn(4, 32),
        "head.linear.bias": torch.zeros(4),
        "head.ln.weight": torch.ones(4),
    }
    out = io.BytesIO()
    torch.save({"model_state_dict": weights, "epoch": 1, "config": {"pooling": "mean", "max_length": 32}}, out)
    return {"best.pt": out.getvalue(), "best.safetensors": save(weights, metadata={"epoch": "1", "pooling": "mean"})}


def _heads(scene: Path) -> list[Subject]:
    return [Subject({name: content}, read_head_file, name) for name, content in _head_files().items()]


def _odd_tensors(scene: Path) -> list[Subject]:
    return [
        Subject({name: content}, read_head_file, name, broken=with_odd_tensor)
        for name, content in _head_files().items()
    ]


def _tiny(folder: Path) -> None:
    from tests.support.tiny_model import write_tiny

    write_tiny(folder, 32)


def _contents(folder: Path) -> Files:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _encode(path: Path, **options: Any) -> object:
    model = load_model(path, device="cpu", **options)
    return model.projector.project(model.encoder.encode(["a b c", "d"], batch_size=2))


def _models(scene: Path) -> list[Subject]:
    import torch
    from safetensors.torch import save

    _tiny(scene / "base")
    plain = _contents(scene / "base")
    home = "sentence_transformers.models"
    parts = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"), ("Normalize", "3_Normalize"))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"{home}.{name}"} for i, (name, path) in enumerate(parts)
    ]
    dense = {
        "in_features": 32,
        "out_features": 8,
        "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    }
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True, "include_prompt": True}
    general = {"prompts": {"query": "q: "}, "default_prompt_name": "query", "similarity_fn_name": "cosine"}
    stated: dict[str, Any] = {
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": 32, "do_lower_case": False},
        "config_sentence_transformers.json": general,
        "1_Pooling/config.json": pooling,
        "2_Dense/config.json": dense,
    }
    whole = {
        **plain,
        **{name: json.dumps(value).encode() for name, value in stated.items()},
        "2_Dense/model.safetensors": save({"linear.weight": torch.randn(8, 32), "linear.bias": torch.zeros(8)}),
    }
    return [Subject(plain, partial(_encode, pooling=Pooling.MEAN)), *[Subject(whole, _encode)] * 3]


def _adapters(scene: Path) -> list[Subject]:
    import peft
    from transformers import AutoModel

    _tiny(scene / "base")
    config = peft.LoraConfig(r=2, target_modules=["query", "value"], init_lora_weights=False)
    adapted = peft.get_peft_model(AutoModel.from_pretrained(scene / "base"), config)
    adapted.save_pretrained(scene / "adapter")
    read = partial(_encode, base_model=str(scene / "base"), pooling=Pooling.MEAN)
    return [Subject(_contents(scene / "adapter"), read)]


def _names(scene: Path) -> list[Subject]:
    _tiny(scene / "model_1.base")

    def read(path: Path) -> object:
        with contextlib.chdir(scene):
            said = path.read_text(encoding="utf-8", errors="surrogateescape")
            return load_checkpoint(said, pooling=Pooling.MEAN)

    return [Subject({"name": content}, read, "name") for content in (b"model_1.base", b"./model_1.base")]


# --- what embedscope has written ----------------------------------------------------------------------------------


def _run_folder(scene: Path) -> Path:
    made = _Vectors.write(scene)
    (scene / "vectors.npz").write_bytes(made.npz())
    words = ("--data", str(made.data), "--embeddings", str(scene / "vectors.npz"), "--draws", "100", "--quiet")
    _main("visualize", *words, "--skip-tsne", "--skip-umap", "--output", str(scene / "run"))
    return scene / "run"


def _of(folder: Path, *names: str) -> Files:
    return {name: (folder / name).read_bytes() for name in names}


def _runs(scene: Path) -> list[Subject]:
    return [Subject(_of(_run_folder(scene), "report.json", "queries.parquet"), read_run)]


def _pages(scene: Path) -> list[Subject]:
    return [Subject(_of(_run_folder(scene), "page.json"), render_run_folder)]


def _shards(scene: Path) -> list[Subject]:
    made = _Vectors.write(scene)
    (scene / "vectors.npz").write_bytes(made.npz())
    words = ("--data", str(made.data), "--embeddings", str(scene / "vectors.npz"), "--quiet")
    _main("shard", *words, "--output", str(scene / "shards"))
    files = _contents(scene / "shards")
    manifest = [Subject(files, _read_shards, broken=partial(_one_of, "manifest.json"))]
    return [Subject(files, _read_shards), *manifest]


def _one_of(name: str, files: Mapping[str, bytes], draw: random.Random) -> Files:
    return {**files, name: mutated(files[name], draw)}


def _read_shards(folder: Path) -> object:
    shards = ShardFolder(folder)
    sides = (shards.queries, shards.documents)
    return shards.judgments(), [
        len(block) for side in sides for i in range(len(side.shards)) for _, block in side.blocks(i, 64)
    ]


# --- whole commands -----------------------------------------------------------------------------------------------


def _main(*words: str) -> None:
    arguments = build_parser().parse_args(words)
    command_named(arguments.command).run(arguments)


def _command(*words_and_path: Any) -> None:
    """Run a command in whose words ``{path}`` is the broken file; a refusal of its arguments is a refusal too."""
    *words, path = words_and_path
    nowhere = io.StringIO()
    try:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            _main(*(word.format(path=path, folder=path.parent) for word in words))
    except SystemExit as ending:
        if ending.code != UNUSABLE:
            raise AssertionError(f"exit status {ending.code}") from ending
    except OSError as error:
        raise CheckpointError(str(error)) from error  # which the command line says in one message


def _commands(scene: Path) -> list[Subject]:
    """A whole evaluation of broken rows, of broken vectors, and a comparison with a broken run."""
    run = _run_folder(scene)
    data, vectors = str(scene / "data.json"), str(scene / "vectors.npz")
    few = ("--draws", "100", "--quiet")
    rows = partial(_command, "evaluate", *few, "--embeddings", vectors, "--data", "{path}")
    embeddings = partial(_command, "evaluate", *few, "--data", data, "--embeddings", "{path}")
    comparison = partial(_command, "compare", *few, "--data", data, "--skip-maps", "{path}", vectors)
    report = partial(_command, "report", "{path}")
    shards = partial(_command, "evaluate", *few, "--embeddings", "{path}")
    return [
        Subject(_of(scene, "data.json"), rows, "data.json"),
        Subject(_of(scene, "vectors.npz"), embeddings, "vectors.npz"),
        Subject(_of(run, "report.json", "queries.parquet"), comparison),
        Subject(_of(run, "page.json"), report),
        Subject(_shards(scene)[0].files, shards),
    ]
