"""Which data sets a path stands for, and what each is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.scene import rows, write_rows

from embedscope.data.readers.set_folders import folder_names, named_sets
from embedscope.errors import InvalidOptionError


def write_beir(folder: Path, *, split: str = "test", n: int = 5) -> Path:
    """A BEIR folder of the first rows."""
    (folder / "qrels").mkdir(parents=True)
    own = rows(n)
    lines = [{"_id": f"d{i}", "title": "", "text": row["pos"]} for i, row in enumerate(own)]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "queries.jsonl").write_text(
        "\n".join(json.dumps({"_id": f"q{i}", "text": row["query"]}) for i, row in enumerate(own))
    )
    judged = "".join(f"q{i}\td{i}\t1\n" for i in range(n))
    (folder / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


def test_a_file_and_a_data_set_folder_stand_for_themselves(tmp_path: Path) -> None:
    beir, file = write_beir(tmp_path / "beir"), write_rows(tmp_path / "one.json")
    assert named_sets([str(beir)]) == {"beir": str(beir)}
    assert named_sets([str(file), str(beir)]) == {"one": str(file), "beir": str(beir)}


def test_a_folder_of_beir_folders_stands_for_each_by_name(tmp_path: Path) -> None:
    for name in ("scifact", "arguana", "fiqa"):
        write_beir(tmp_path / "all" / name)
    (tmp_path / "all" / "README.md").write_text("notes")
    (tmp_path / "all" / "images").mkdir()
    found = named_sets([str(tmp_path / "all")])
    assert found == {name: str(tmp_path / "all" / name) for name in ("arguana", "fiqa", "scifact")}


def test_a_folder_of_files_and_folders_of_folders_are_taken_apart(tmp_path: Path) -> None:
    write_rows(tmp_path / "all" / "own.json")
    write_rows(tmp_path / "all" / "more.jsonl.d" / "deep" / "x.json")
    for name in ("en", "vi"):
        write_beir(tmp_path / "all" / "languages" / name)
    assert list(named_sets([str(tmp_path / "all")])) == ["en", "vi", "more.jsonl.d", "own"]


def test_one_judged_folder_beside_files_of_rows_is_one_of_several_sets(tmp_path: Path) -> None:
    write_beir(tmp_path / "all" / "beir")
    write_rows(tmp_path / "all" / "own.json")
    assert list(named_sets([str(tmp_path / "all")])) == ["beir", "own"]
    write_beir(tmp_path / "packed" / "scifact")
    assert list(named_sets([str(tmp_path / "packed")])) == ["packed"]


def test_the_parts_of_one_data_set_are_not_several(tmp_path: Path) -> None:
    for name in ("train", "valid"):
        write_rows(tmp_path / "splits" / f"{name}.json")
    broken = write_beir(tmp_path / "broken")
    (broken / "qrels" / "test.tsv").unlink()
    open_ = write_beir(tmp_path / "open", split="dev")
    (open_ / "qrels" / "train.tsv").write_bytes((open_ / "qrels" / "dev.tsv").read_bytes())
    for folder in ("splits", "broken", "open"):
        assert named_sets([str(tmp_path / folder)]) == {folder: str(tmp_path / folder)}


def test_a_split_that_names_one_of_them_leaves_the_folder_one_data_set(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_beir(tmp_path / "all" / name)
    assert list(named_sets([str(tmp_path / "all")], split="a/test")) == ["all"]
    assert list(named_sets([str(tmp_path / "all")], split="test")) == ["a", "b"]


def test_sets_of_one_name_are_differing_parts_by_what_stands_before_it(tmp_path: Path) -> None:
    files = [write_rows(tmp_path / folder / "test.json") for folder in ("a", "b")]
    assert list(named_sets([str(file) for file in files])) == ["a/test", "b/test"]
    alike = [write_rows(tmp_path / "c" / name) for name in ("x.json", "x.jsonl")]
    assert next(iter(named_sets([str(file) for file in alike]))).endswith("c/x (1)")
    assert named_sets(["hub:mteb/scifact", "hub:mteb/fiqa"]) == {
        "scifact": "hub:mteb/scifact", "fiqa": "hub:mteb/fiqa",
    }  # fmt: skip


def test_a_data_set_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "one.json")
    with pytest.raises(InvalidOptionError, match="twice, and in a mean over data sets it would count twice"):
        named_sets([str(file), str(tmp_path / "." / "one.json")])


def test_a_path_that_is_not_there_is_left_to_its_reader() -> None:
    assert named_sets(["nowhere.json"]) == {"nowhere": "nowhere.json"}
    assert named_sets([]) == {}


def test_names_of_folders_hold_no_separator_and_differ_without_case() -> None:
    assert folder_names(["ชุดข้อมูล", "हिन्दी"]) == {"ชุดข้อมูล": "ชุดข้อมูล", "हिन्दी": "हिन्दी"}
    assert folder_names(["a/test", "A/Test", "..", "Wörter 1", "x:y"]) == {
        "a/test": "a-test", "A/Test": "A-Test-2", "..": "set", "Wörter 1": "Wörter-1", "x:y": "x-y",
    }  # fmt: skip
