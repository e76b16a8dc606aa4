"""The structure of the house: who may import whom, and what importing embedscope may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "embedscope"

LEVELS = {
    "errors": 0,
    "protocols": 0,
    "quantities": 0,
    "numerics": 1,
    "findings": 1,
    "data": 2,
    "sample": 2,
    "criteria": 2,
    "verdict": 2,
    "plots": 2,
    "report": 2,
    "encoding": 3,
    "projection": 3,
    "training": 3,
    "diagnosis": 3,
    "engines": 3,
    "analysis": 4,
    "visualizer": 5,
    "cli": 5,
    "commands": 5,
    "terminal": 5,
    "integrations": 5,
    "__main__": 5,
}
STRANGERS = {"data", "verdict", "plots", "report"}
"""These four do not import one another."""

HEAVY_AT_TOP = {
    "torch",
    "sentence_transformers",
    "transformers",
    "safetensors",
    "umap",
    "faiss",
    "ray",
    "sklearn",
    "numba",
    "peft",
}
"""Imported inside functions only, everywhere."""

MAY_USE_AT_TOP = {0: {"numpy"}, 1: {"numpy", "scipy"}}

FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def top_level_imports(path: Path) -> Iterator[str]:
    """Modules imported at module level, ``TYPE_CHECKING`` blocks left out; names imported from embedscope resolved."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        yield from _modules(node)


def all_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        yield from _modules(node)


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        if node.module == "embedscope":
            yield from (f"embedscope.{alias.name}" for alias in node.names)
        else:
            yield node.module


@pytest.mark.parametrize("path", [f for f in FILES if f.name != "__init__.py" or f.parent != SOURCE], ids=str)
def test_a_room_imports_only_itself_and_the_rooms_above_it(path: Path) -> None:
    own = room_of(path)
    for module in all_imports(path):
        if not module.startswith("embedscope."):
            continue
        other = module.split(".")[1]
        if other == "__version__" or other == own:
            continue
        assert LEVELS[other] <= LEVELS[own], f"{own} (level {LEVELS[own]}) imports {other} (level {LEVELS[other]})"
        assert not {own, other} <= STRANGERS, f"{own} imports {other}; they do not import one another"


def test_rooms_of_one_level_import_each_other_without_a_cycle() -> None:
    edges: dict[str, set[str]] = {room: set() for room in LEVELS}
    for path in FILES:
        for module in all_imports(path):
            parts = module.split(".")
            if parts[0] == "embedscope" and len(parts) > 1 and parts[1] in LEVELS and room_of(path) in LEVELS:
                edges[room_of(path)].add(parts[1])
    done: set[str] = set()

    def visit(room: str, path: tuple[str, ...]) -> None:
        assert room not in path, f"import cycle: {' -> '.join((*path, room))}"
        if room not in done:
            for other in edges[room] - {room}:
                visit(other, (*path, room))
            done.add(room)

    for room in edges:
        visit(room, ())


@pytest.mark.parametrize("path", FILES, ids=str)
def test_heavy_libraries_are_imported_inside_functions(path: Path) -> None:
    roots = {module.split(".")[0] for module in top_level_imports(path)}
    assert not roots & HEAVY_AT_TOP
    allowed = MAY_USE_AT_TOP.get(LEVELS.get(room_of(path), 9))
    if allowed is not None:
        assert roots <= allowed | set(sys.stdlib_module_names) | {"embedscope"}


@pytest.mark.parametrize("module", ["embedscope", "embedscope.cli.main"])
def test_importing_loads_no_heavy_library(module: str) -> None:
    heavy = ("torch", "matplotlib", "sklearn", "numba", "scipy", "pyarrow", "faiss")
    program = f"import sys, {module}; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_public_name_can_be_had() -> None:
    import embedscope

    for name in embedscope.__all__:
        assert getattr(embedscope, name) is not None
    assert set(embedscope.__all__) <= set(dir(embedscope))
