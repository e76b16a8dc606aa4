"""What is published: the wheel and the source archive, their size, and what a first user runs from them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("build", "hatchling", "hatch_fancy_pypi_readme", "twine")

LIMIT = 3_000_000
HELD = (
    "embedscope/py.typed",
    "embedscope/output/page/bundle/embedscope.js",
    "embedscope/output/page/bundle/embedscope.css",
    "embedscope/output/page/schema.json",
    "embedscope/output/pictures/fonts/DroidSansFallback.ttf",
    "embedscope/output/pictures/fonts/NotoEmoji-Regular.ttf",
    "embedscope/output/pictures/fonts/NotoSansThai-Regular.ttf",
    "embedscope/data/sample/rental_test.json",
    "embedscope/data/sample/vectors.npz",
)
LICENCES = ("LICENSE", "DroidSansFallback-LICENSE.txt", "NotoEmoji-LICENSE.txt", "NotoSans-LICENSE.txt")


def run(*words: object, timeout: int = 600, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program that ended with status 0, and what it said."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive, and the wheel built from it."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        reason = f"not installed: {', '.join(absent)}"
        assert os.environ.get("EMBEDSCOPE_REQUIRE_ALL") != "1", reason
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


def test_the_wheel_is_under_three_megabytes(wheel: Path) -> None:
    assert wheel.stat().st_size < LIMIT


def test_the_wheel_holds_page_fonts_sample_licences_and_types(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in HELD if name not in names] == []
    licences = [name.rpartition("/")[2] for name in names if ".dist-info/licenses/" in name]
    assert sorted(licences) == sorted(LICENCES)
    assert [name for name in names if not name.startswith(("embedscope/", "embedscope-"))] == []


def test_the_source_archive_holds_what_the_tests_and_the_documentation_need(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "README.md",
        "tests/test_packaging.py",
        "tools/subset_fonts.py",
        "web/package.json",
    } <= names
    assert [name for name in names if "node_modules" in name or name.startswith((".venv", "demo/"))] == []


def test_an_index_accepts_both_and_shows_the_readme(built: Path) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir())


def test_the_page_of_the_index_has_no_relative_link(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    readme = archive.read(metadata).decode().partition("\n\n")[2]
    targets = re.findall(r"\]\(([^)\s]+)|src(?:set)?=\"([^\"]+)", readme)
    assert [target for pair in targets for target in pair if target and not re.match(r"https?:|#", target)] == []


@pytest.mark.slow
@pytest.mark.integration
def test_uvx_runs_the_demo_from_the_wheel_without_torch(wheel: Path, tmp_path: Path) -> None:
    pytest.importorskip("uv")
    folder, home = tmp_path / "wheels", tmp_path / "home"
    home.mkdir()
    constrained = ("--only-binary", ":all:", "--constraint", ROOT / "constraints.txt")
    run(sys.executable, "-m", "pip", "download", "--quiet", "--dest", folder, *constrained, wheel)
    assert list(folder.glob("torch-*")) == []
    own = {name: str(home / name) for name in ("HOME", "UV_CACHE_DIR", "EMBEDSCOPE_CACHE", "MPLCONFIGDIR")}
    found = ("--no-config", "--no-index", "--find-links", folder, "--python", sys.executable)
    uvx = (sys.executable, "-m", "uv", "tool", "run", *found, "embedscope")
    done = run(*uvx, "demo", "--output", tmp_path / "X", timeout=1800, PYTHONPATH="", COLUMNS="100", **own)
    assert (tmp_path / "X" / "report.html").stat().st_size > 100_000
    assert "Verdict: RETRAIN" in done.stdout
    assert "uvx --from 'embedscope[demo]' embedscope" in done.stderr
