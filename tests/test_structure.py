"""The structure: who may import whom, what importing costs, and the rules that keep it readable."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "embedscope"

CORE = (
    "installation",
    "errors",
    "units",
    "settings",
    "machine",
    "protocols",
    "beside",
    "plain_files",
    "publishing",
    "untrusted",
    "result",
    "kept",
    "log",
    "stats",
    "metrics",
    "data",
    "pattern_pack",
    "attribute_packs",
    "models",
    "measure",
    "maps",
    "diagnose",
    "decide",
    "output",
    "systems",
    "pipeline",
    "comparison",
    "arrays",
    "visualizer",
)
"""The core; each package may use those before it."""

ON_TOP = (
    "scale",
    "train",
    "audit",
    "parity",
    "migration",
    "integrations",
    "serve",
    "agents",
    "packs",
    "cli",
    "__main__",
)
"""What stands on the core, which knows nothing of it; each may use those before it, and no pack."""

ENTRY_POINTS = "embedscope.packs"
"""The group of entry points that packs declare; no module is imported by this name."""

OUTPUT_MAY_USE = {
    "errors",
    "units",
    "settings",
    "machine",
    "beside",
    "protocols",
    "plain_files",
    "publishing",
    "result",
    "kept",
}
STAGES = {"measure", "diagnose", "maps", "decide"}
COMPOSERS = {"pipeline", "comparison", "arrays"}

HEAVY_AT_TOP = {
    "torch", "sentence_transformers", "transformers", "safetensors", "openTSNE", "umap", "faiss", "ray", "sklearn",
    "numba", "peft", "bm25s",
}  # fmt: skip
"""Imported inside functions only, everywhere."""

NOT_OUR_WORDS = {
    "film", "stretch", "halving", "quantities", "together", "given", "judged", "course", "road", "told", "house",
    "room", "roll", "mend", "mended",
}  # fmt: skip
"""Words for which the field has others (the glossary in CONTRIBUTING)."""

FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def package_of(path: Path) -> str:
    """First part of the module's name below ``embedscope``."""
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Modules that are imported; names imported from embedscope itself resolved."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            if node.module == "embedscope":
                yield from (f"embedscope.{alias.name}" for alias in node.names)
            else:
                yield node.module


def used_packages(path: Path) -> set[str]:
    """Other packages that a module imports anywhere, or names in a string as a module to be imported."""
    named = {module for module in imports(ast.walk(TREES[path])) if module.startswith("embedscope.")}
    named |= {
        node.value
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"embedscope(\.\w+)+", node.value) and node.value != ENTRY_POINTS
    }
    return {module.split(".")[1] for module in named} - {package_of(path), "__version__"}


MODULES = [path for path in FILES if path != SOURCE / "__init__.py"]


def test_every_package_has_its_place() -> None:
    assert {package_of(path) for path in MODULES} == {*CORE, *ON_TOP}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_package_uses_only_those_before_it_and_the_core_nothing_that_stands_on_it(path: Path) -> None:
    own, order = package_of(path), [*CORE, *ON_TOP]
    allowed = set(order[: order.index(own)]) - {"packs"}
    known = used_packages(path) & set(order)
    assert known <= allowed, f"{own} uses {', '.join(sorted(known - allowed))}"
    if own == "output":
        assert known <= OUTPUT_MAY_USE


def test_only_the_pipeline_and_the_comparison_compose_stages() -> None:
    for path in MODULES:
        own = package_of(path)
        if own in COMPOSERS or own in ON_TOP or own == "visualizer":
            continue
        assert len(used_packages(path) & STAGES - {own}) <= 2, path
    for path in MODULES:
        if package_of(path) in ("cli", "integrations", "visualizer"):
            composed = {module for module in imports(ast.walk(TREES[path])) if module.split(".")[-1] == "verdict"}
            assert not composed, f"{path} judges for itself"


def test_a_result_is_complete_when_it_exists() -> None:
    for path in MODULES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id == "replace" and node.args:
                    assert ast.unparse(node.args[0]) not in ("result", "found.result"), path
                if node.func.id in ("Result", "extended") and "Result" in ast.unparse(node):
                    assert package_of(path) in ("pipeline", "comparison", "result"), path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_heavy_libraries_are_imported_inside_functions(path: Path) -> None:
    top = {module.split(".")[0] for module in imports(iter(TREES[path].body))}
    assert not top & HEAVY_AT_TOP


@pytest.mark.parametrize("module", ["embedscope", "embedscope.cli.main", "embedscope.settings"])
def test_importing_loads_no_heavy_library(module: str) -> None:
    heavy = ("torch", "matplotlib", "sklearn", "numba", "scipy", "pyarrow", "faiss", "numpy")
    program = f"import sys, {module}; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


DRAWING = {"matplotlib", "embedscope.output.pictures"}
LAYING_OUT = {"scipy.spatial", "scipy.optimize", "scipy.cluster", "scipy.stats"}
READING_CHECKPOINTS = {"embedscope.models.encoders", "embedscope.models.model", "embedscope.models.endpoint_client"}
NOT_LOADED = {
    "embedscope.arrays": {*DRAWING, *LAYING_OUT, *READING_CHECKPOINTS},
    "embedscope.pipeline": {*DRAWING, *LAYING_OUT, *READING_CHECKPOINTS},
    "embedscope.cli.evaluate_command": {"numpy", "scipy", *DRAWING},
    "embedscope.cli.compare_command": {*DRAWING, *LAYING_OUT, *READING_CHECKPOINTS},
    "embedscope.cli.visualize_command": {"numpy", "scipy", *DRAWING},
    "embedscope.cli.mcp_command": {"numpy", "scipy", "embedscope.pipeline"},
    "embedscope.cli.report_command": {*DRAWING, *LAYING_OUT, *READING_CHECKPOINTS, "embedscope.pipeline"},
    "embedscope.cli.serve_command": {*DRAWING, *LAYING_OUT, *READING_CHECKPOINTS, "embedscope.pipeline"},
    "embedscope.cli.train_command": {*DRAWING, *LAYING_OUT, "embedscope.models.model", "embedscope.pipeline"},
    "embedscope.cli.audit_command": {*DRAWING, *LAYING_OUT, *READING_CHECKPOINTS},
    "embedscope.cli.parity_command": {*DRAWING, *LAYING_OUT, "embedscope.pipeline"},
    "embedscope.cli.demo_command": {*DRAWING, *LAYING_OUT},
    "embedscope.cli.migrate_command": {*LAYING_OUT},
    "embedscope.cli.plan_command": {*DRAWING, *LAYING_OUT},
    "embedscope.cli.shard_command": {*DRAWING, *LAYING_OUT},
}
"""What the start of a command does not load, beside the libraries of `HEAVY_AT_TOP`: most runs have no use for it."""


@pytest.mark.parametrize("module", NOT_LOADED)
def test_a_command_loads_only_what_it_needs(module: str) -> None:
    unused = sorted(NOT_LOADED[module] | HEAVY_AT_TOP | {"pyarrow"})
    program = f"import sys, {module}; print(*[m for m in {unused} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_public_name_can_be_had() -> None:
    import embedscope

    for name in embedscope.__all__:
        assert getattr(embedscope, name) is not None
    assert set(embedscope.__all__) <= set(dir(embedscope))


def test_public_functions_stay_functions_whatever_is_imported() -> None:
    program = (
        "import pkgutil, importlib, embedscope\n"
        "for module in pkgutil.iter_modules(embedscope.__path__, 'embedscope.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "assert callable(embedscope.run) and callable(embedscope.compare) and callable(embedscope.evaluate)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_no_namespace_of_arguments_leaves_the_command_line() -> None:
    for path in MODULES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.arg) and node.annotation is not None and package_of(path) != "cli":
                assert "Namespace" not in ast.unparse(node.annotation), path


def test_no_two_modules_have_one_name() -> None:
    names = Counter(path.name for path in MODULES if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_names_are_the_words_of_the_field(path: Path) -> None:
    if path.name == "contract.py":
        return  # holds keys of files that were written before
    names = {path.stem}
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(re.sub(r"(?<=[a-z])([A-Z])", r"_\1", node.name).lower())
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name):
            names.add(node.id.lower())
    assert {name for name in names if NOT_OUR_WORDS & set(name.split("_"))} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_private_attribute_of_another_library_is_used(path: Path) -> None:
    foreign = set()
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Import):
            foreign |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("embedscope"):
            foreign |= {alias.asname or alias.name for alias in node.names}
    for node in ast.walk(TREES[path]):
        is_documented = ast.unparse(node) == "os._exit"
        if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr) and not is_documented:
            root = node.value
            while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
                root = root.func if isinstance(root, ast.Call) else root.value
            assert not (isinstance(root, ast.Name) and root.id in foreign), f"line {node.lineno}: {ast.unparse(node)}"


def test_only_machine_knows_what_differs_from_device_to_device() -> None:
    """The others hand on the name of a device, so that what is tested on the CPU is what runs on a GPU."""
    families = re.compile(r"(cuda|mps)(:\d+)?")
    found = {
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in MODULES
        if path.name not in ("machine.py", "settings.py")
        for node in ast.walk(TREES[path])
        if (isinstance(node, ast.Attribute) and node.attr.lower() in ("cuda", "mps"))
        or (isinstance(node, ast.Constant) and isinstance(node.value, str) and families.fullmatch(node.value))
    }
    assert found == set()


def test_a_function_fits_a_screen() -> None:
    long = {
        f"{path.relative_to(SOURCE)}:{node.name}": length
        for path in MODULES
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.FunctionDef)
        if (length := _lines_of_code(node)) > 60
    }
    assert long == {}


def _lines_of_code(node: ast.FunctionDef) -> int:
    """Lines of the body without the docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return node.body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]


def test_the_glossary_names_the_words_that_are_not_used() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.split("## Glossary")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "|" in line][2:]
    avoided = {word for row in rows for word in re.findall(r"[a-z]+", row[2])}
    assert avoided >= NOT_OUR_WORDS
    assert len({row[0] for row in rows}) == len(rows)
