"""What a hostile or unlucky world does to embedscope, row by row: inputs tried and failures, of which none is expected.

``python -m tools.hardening`` takes about half an hour, most of it for the broken files; ``--inputs 200`` tries fewer of
each kind, and names of rows choose among them. Bombs are those of ``tools.bombs``, kills those of
``tests/test_publishing.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tests.support.endings import CODES, EXPECTED, commands, commands_in, statuses
from tests.support.scene import rows, write_rows, write_vectors
from tests.support.tiny_model import TEXTS, write_tiny

from embedscope.cli.main import main as embedscope_main

_CODES_AT_ONCE = 10

Count = tuple[int, int]
"""Inputs, and failures among them."""

LOCALES: dict[str, dict[str, str]] = {
    "Windows-1252": {"PYTHONIOENCODING": "cp1252"},
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
}
KEPT = (
    "tests/test_row_order.py",
    "tests/test_plain_files.py",
    "tests/models/test_safety.py",
    "tests/models/test_cache.py",
)
"""Tests of what must not be read in part or otherwise than it stands."""


def main() -> int:
    """Try every row; the exit status is 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"among {', '.join(ROWS)} (all)")
    parser.add_argument("--inputs", type=int, default=4000, help="broken files of each kind (4000)")
    chosen = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    print(f"{'':<30}{'inputs':>10}{'failures':>10}")
    n_failures = 0
    for name in chosen.rows or ROWS:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["EMBEDSCOPE_CACHE"] = f"{folder}/cache"
            for part, (n, failures) in ROWS[name](Path(folder), chosen.inputs):
                print(f"{part:<30}{n:>10,}{failures:>10,}", flush=True)
                n_failures += failures
    return int(n_failures > 0)


# --- exit status --------------------------------------------------------------------------------------------------


def _endings(folder: Path, n_inputs: int) -> Iterator[tuple[str, Count]]:
    found = statuses(folder, every=EXPECTED)
    pairs = [(name, status) for name, ends in found.items() for status in ends.values()]
    yield "exit status by ending", (len(pairs), sum(EXPECTED[name] != status for name, status in pairs))


def _locales(folder: Path, n_inputs: int) -> Iterator[tuple[str, Count]]:
    """Each command in a process of its own: in another encoding, and with a reader that leaves after one line."""
    wrong = []
    for name, words in commands(folder).items():
        program = [sys.executable, "-m", "embedscope", *words]
        piped = ["bash", "-c", '"$@" | head -1 >/dev/null; exit ${PIPESTATUS[0]}', "-", *program]
        ends = [*((program, named) for named in LOCALES.values()), (piped, {})]
        wrong += [_status(words, variables) != EXPECTED[name] for words, variables in ends]
    yield "exit status by encoding, pipe", (len(wrong), sum(wrong))


def _status(program: list[str], variables: Mapping[str, str]) -> int:
    return subprocess.run(program, env={**os.environ, **variables}, capture_output=True).returncode


# --- texts that command -------------------------------------------------------------------------------------------


def _injection(folder: Path, n_inputs: int) -> Iterator[tuple[str, Count]]:
    """Every code, in every place that a stranger writes, through every output that a person or a runner reads."""
    n = failures = 0
    codes = [*CODES, "\n::set-env name=x::", "##[group]", "##vso[task.complete]"]
    for first in range(0, len(codes), _CODES_AT_ONCE):
        several = codes[first : first + _CODES_AT_ONCE]
        for words, made in _hostile(folder / str(first), "".join(several)):
            said = _said(words)
            written = "".join(path.read_text(encoding="utf-8") for path in made)
            n += len(several)
            failures += bool(commands_in(said)) or bool(set(written) & set(CODES))
    yield "texts that command", (n, failures)


def _hostile(folder: Path, code: str) -> Iterator[tuple[list[str], list[Path]]]:
    """Commands that meet ``code`` in a text, a type, a column, a name of a file, a tensor or a base model."""
    import torch

    listed = rows(12)
    for row in listed:
        row["query"] = f"::x {code} {row['query']}"
        row["hard_neg"] = [{"text": f"{code}{row['hard_neg'][0]['text']}", "type": f"::{code}t"}]
        row[f"::{code}column"] = f"{code}v"
    folder.mkdir(parents=True)
    data = folder / "test.json"
    data.write_text(json.dumps(listed), encoding="utf-8")
    write_vectors(folder / "v.npz", data, 0.0)
    files = [folder / "junit.xml", folder / "summary.md"]
    run = ["evaluate", "--data", str(data), "--embeddings", str(folder / "v.npz"), "--draws", "100", "--findings"]
    yield [*run, "--junit", str(files[0]), "--summary", str(files[1])], files
    yield [*run, "--json"], []
    yield ["audit", "--data", str(data), "--draws", "100"], []
    for bad in ({f"::{code}": 1}, {"query": "x", f"{code}": 1}):
        (folder / "bad.jsonl").write_text(json.dumps(bad), encoding="utf-8")
        yield ["audit", "--data", str(folder / "bad.jsonl")], []
    yield ["evaluate", "--data", str(data), "--embeddings", f"{folder}/::{code}x.npz"], []
    yield ["evaluate", "--data", str(data), "--embeddings", str(folder / "v.npz"), "--columns", f"query={code}"], []
    for number, stored in enumerate(
        (
            {"state_dict": {"head.weight": torch.ones(4, 8)}, "config": {"base_model": f"::{code}model"}},
            {"state_dict": {f"::{code}.weight": torch.ones(4, 8), "x.y": torch.ones(2, 2, 2)}},
            {"state_dict": {"head.weight": torch.ones(4, 8)}, "config": {"pooling": f"::{code}", "max_length": code}},
        )
    ):
        torch.save(stored, folder / f"{number}.pt")
        yield ["evaluate", "--data", str(data), "--checkpoint", str(folder / f"{number}.pt")], []


def _said(words: list[str]) -> str:
    """What a command writes on both streams."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.suppress(SystemExit):
        embedscope_main(words)
    return f"{out.getvalue()}\n{err.getvalue()}"


# --- files that others take the place of --------------------------------------------------------------------------


def _stale(folder: Path, n_inputs: int) -> Iterator[tuple[str, Count]]:
    """Each file of a run copied over by ``cp -p`` of one with its size and time: the second report is of the second."""
    wrong = []
    for name, (words, target, other) in _replaceable(folder).items():
        alone = _report(words(other), folder / "cache-alone")
        first = _report(words(target), folder / "cache")
        shutil.copystat(target, other)
        subprocess.run(["cp", "-p", other, target], check=True)
        second = _report(words(target), folder / "cache")
        wrong.append(_values(second) != _values(alone) or _values(second) == _values(first))
        if wrong[-1]:
            print(f"{name}: the report of the file before", file=sys.stderr)
    yield "identity that is stale", (len(wrong), sum(wrong))


def _replaceable(folder: Path) -> dict[str, tuple[Callable[[Path], list[str]], Path, Path]]:
    """The words of a run, the file in it that is replaced, and the one that takes its place."""
    import torch
    from safetensors.torch import load_file, save_file

    listed = [
        {"query": " ".join(TEXTS[i % 5].split()[i % 3 :]) + f" {'abcde'[i % 5]}" * (i + 1), "pos": TEXTS[i % 5]}
        for i in range(12)
    ]
    data = folder / "data.json"
    data.write_text(json.dumps(listed), encoding="utf-8")
    base = folder / "base"
    write_tiny(base, 256)  # whose weights are large enough for their digest to be remembered
    generator = torch.Generator().manual_seed(0)
    heads = [folder / "one.pt", folder / "two.pt"]
    for path in heads:
        weight = torch.randn(2048, 256, generator=generator)
        torch.save({"state_dict": {"head.weight": weight}, "config": {"pooling": "mean"}}, path)
    swapped = [folder / "one.json", folder / "two.json"]
    for number, path in enumerate(swapped):
        moved = listed if number == 0 else [{**row, "pos": listed[i - 1]["pos"]} for i, row in enumerate(listed)]
        path.write_text(json.dumps(moved).ljust(9000), encoding="utf-8")
    for name, seed in (("v1.npz", 0), ("v2.npz", 1)):
        write_vectors(folder / name, write_rows(folder / "rows.json"), 0.5, seed=seed)
    state = load_file(base / "model.safetensors")
    other_weights = folder / "other.safetensors"
    save_file({name: tensor + 0.05 * torch.randn(tensor.shape, generator=generator) for name, tensor in state.items()},
              other_weights, metadata={"format": "pt"})  # fmt: skip
    other_tokenizer = folder / "other-tokenizer.json"
    other_tokenizer.write_text(_swapped_ids((base / "tokenizer.json").read_text(encoding="utf-8")), encoding="utf-8")

    def judged(path: Path, checkpoint: Path) -> list[str]:
        return ["--data", str(path), "--checkpoint", str(checkpoint), "--base-model", str(base), "--pooling", "mean"]

    def folder_with(name: str) -> Callable[[Path], list[str]]:
        def of(path: Path) -> list[str]:
            model = base
            if path.parent != base:
                model = folder / f"with-{path.name}"
                shutil.copytree(base, model, dirs_exist_ok=True)
                shutil.copyfile(path, model / name)
            return ["--data", str(data), "--checkpoint", str(model), "--pooling", "mean"]

        return of

    made: dict[str, tuple[Callable[[Path], list[str]], Path, Path]] = {
        "head": (lambda path: judged(data, path), *heads),
        "data": (lambda path: judged(path, heads[1]), *swapped),
        "vectors": (
            lambda path: ["--data", str(folder / "rows.json"), "--embeddings", str(path)],
            folder / "v1.npz", folder / "v2.npz",
        ),
        "weights": (folder_with("model.safetensors"), base / "model.safetensors", other_weights),
        "tokenizer": (folder_with("tokenizer.json"), base / "tokenizer.json", other_tokenizer),
    }  # fmt: skip
    with contextlib.suppress(ImportError):
        made["adapter"] = _adapters(folder, base, data)
    return made


def _swapped_ids(tokenizer: str) -> str:
    """The tokenizer with the ids of two words exchanged, so that its size stays."""
    ids = dict(re.findall(r'"([ab])": (\d+)', tokenizer))
    swapped = {"a": ids["b"], "b": ids["a"]}
    return re.sub(r'"([ab])": \d+', lambda match: f'"{match[1]}": {swapped[match[1]]}', tokenizer)


def _adapters(folder: Path, base: Path, data: Path) -> tuple[Callable[[Path], list[str]], Path, Path]:
    import peft
    import torch
    from transformers import AutoModel

    files = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        config = peft.LoraConfig(r=8, target_modules=["query", "value"], init_lora_weights=False)
        adapted = peft.get_peft_model(AutoModel.from_pretrained(base), config)
        adapted.save_pretrained(folder / f"adapter-{seed}")
        files.append(folder / f"adapter-{seed}" / "adapter_model.safetensors")

    def words(path: Path) -> list[str]:
        options = ["--base-model", str(base), "--pooling", "mean"]
        return ["--data", str(data), "--checkpoint", str(path.parent), *options]

    return words, files[0], files[1]


def _report(words: list[str], cache: Path) -> dict[str, Any]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = embedscope_main(["evaluate", *words, "--draws", "100", "--json", *_cache(words, cache)])
    if status:
        raise SystemExit(f"evaluate {' '.join(words)} ended with status {status}: {err.getvalue()}")
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def _cache(words: list[str], cache: Path) -> list[str]:
    return [] if "--embeddings" in words else ["--cache-dir", str(cache)]


def _values(report: dict[str, Any]) -> list[float]:
    """Numbers by which two models or data sets are told apart."""
    measured = json.dumps({part: found for part, found in report.items() if part not in ("inputs", "model")})
    return [round(float(number), 4) for number in re.findall(r"-?\d+\.\d+", measured)]


# --- broken files, and what is read in part -----------------------------------------------------------------------


def _broken(folder: Path, n_inputs: int) -> Iterator[tuple[str, Count]]:
    """The kinds of ``tools.fuzz``; of the slow ones a twentieth as many."""
    from tools.fuzz.kinds import SLOW, makers

    for kind in makers():
        n = n_inputs // 20 if kind in SLOW else n_inputs
        words = ["-m", "tools.fuzz", kind, "--inputs", str(n)]
        said = subprocess.run([sys.executable, "-W", "ignore", *words], stdout=subprocess.PIPE, text=True).stdout
        found = re.search(rf"^{kind}: ([\d,]+) inputs, (\d+) faults", said, re.MULTILINE)
        n_read, faults = (int(found[1].replace(",", "")), int(found[2])) if found else (n, 1)
        yield f"broken: {kind}", (n_read, faults)


def _partial(folder: Path, n_inputs: int) -> Iterator[tuple[str, Count]]:
    """Complex weights, foreign activations, keys named twice, the order of the rows, damaged rows of the cache."""
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *KEPT], stdout=subprocess.PIPE, text=True
    ).stdout
    counts = dict.fromkeys(("passed", "failed", "error"), 0)
    counts |= {what: int(n) for n, what in re.findall(r"(\d+) (passed|failed|error)", said)}
    failures = counts["failed"] + counts["error"] + (not counts["passed"])
    yield "wrong or partial", (counts["passed"] + failures, failures)


ROWS: dict[str, Callable[[Path, int], Iterator[tuple[str, Count]]]] = {
    "endings": _endings,
    "encodings": _locales,
    "injection": _injection,
    "stale": _stale,
    "broken": _broken,
    "partial": _partial,
}

if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
