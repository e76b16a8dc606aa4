"""The core holds no word of a domain or of a language: those are in packs, which are off unless chosen."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "embedscope"
OUTSIDE = ("packs", "data/sample", "cli")
"""Packs hold such words, the sample data are of one domain, and the command line chooses the pack of its demo."""

CORE = [
    path
    for path in sorted(SOURCE.rglob("*.py"))
    if not path.relative_to(SOURCE).as_posix().startswith(tuple(f"{part}/" for part in OUTSIDE))
]

OF_A_DOMAIN = re.compile(
    r"(?<![a-z_])(?:rent|rents|rental|landlord|tenant|apartment|district|ward|amenity|vnd|usd|million|telex|"
    r"quan|phong|phuong|trieu|nghin|gia|hem|hanoi|saigon|binh thanh|go vap|vietnam|vietnamese)(?![a-z_])",
    re.IGNORECASE,
)
_FUNCTION_WORDS = (
    "the a an and or of in on at by for with without no not never is are to from under than near less around about "
    "that this which has have within where between up per my your want need looking what how who why does"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

ATTRIBUTES = {"location", "price", "area", "district", "place", "address", "size", "vi tri", "dien tich"}
ANOTHER_MEANING = {("models/onnx_backend.py", "location")}
"""The key under which ONNX keeps the name of a file with weights."""

VIETNAMESE_LETTERS = re.compile("[ăơưĂƠƯ\u1ea0-\u1ef9]")


def constants(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string that the program uses; docstrings and comments are for people."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def word_lists(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of what lists function words: a string of little else, or a collection with three and more."""
    for line, text in constants(path):
        listed = set(text.split())
        if len(listed) >= 12 and len(listed & FUNCTION_WORDS) > 0.7 * len(listed):
            yield line, text
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Set | ast.Tuple | ast.List):
            texts = [item.value for item in node.elts if isinstance(item, ast.Constant)]
            if sum(text in FUNCTION_WORDS for text in texts if isinstance(text, str)) >= 3:
                yield node.lineno, repr(texts)


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_string_of_the_core_is_of_a_domain_or_lists_words_of_a_language(path: Path) -> None:
    name = path.relative_to(SOURCE).as_posix()
    found = [
        (line, text)
        for line, text in constants(path)
        if (OF_A_DOMAIN.search(text) or text in ATTRIBUTES) and (name, text) not in ANOTHER_MEANING
    ]
    assert not [*found, *word_lists(path)]


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_file_of_the_core_is_written_in_another_language(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not [(number, line) for number, line in enumerate(lines, 1) if VIETNAMESE_LETTERS.search(line)]


def test_the_core_names_no_pack() -> None:
    packs = {path.name for path in (SOURCE / "packs").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert packs == {"rental_vi"}
    others = [path for path in CORE if path.name != "settings.py"]  # where the help of --attributes gives an example
    assert not [path for path in others if any(pack in path.read_text(encoding="utf-8") for pack in packs)]


def test_what_the_core_must_not_hold_is_found_where_it_is() -> None:
    packs = sorted((SOURCE / "packs" / "rental_vi").glob("*.py"))
    assert any(OF_A_DOMAIN.search(text) for path in packs for _, text in constants(path))
    assert any(VIETNAMESE_LETTERS.search(path.read_text(encoding="utf-8")) for path in packs)
    assert [path.name for path in packs if list(word_lists(path))] == ["languages.py"]
