"""One pass over the scores: the same numbers wherever the products are computed."""

from __future__ import annotations

import numpy as np
import pytest

from embedscope.errors import InvalidOptionError
from embedscope.measure.scoring import Scores, rank_values, score
from embedscope.metrics import torch_pass as torch_device
from embedscope.metrics.judgments import Judgments


def scores_of(**options: object) -> Scores:
    """Scores of vectors of small whole numbers, whose products are exact everywhere."""
    generator = np.random.default_rng(0)
    queries, documents = (generator.integers(-2, 3, (n, 4)).astype(np.float32) / 8 for n in (7, 40))
    judgments = Judgments.from_lists([[q, q + 20] for q in range(7)], n_documents=40)
    return score(queries, documents, judgments, k=5, tolerance=1e-6, **options)


def test_a_torch_device_gives_the_numbers_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    here = scores_of()
    monkeypatch.setattr(torch_device, "device_for", lambda name, n_cells: "cpu")
    there = scores_of(device="cuda")
    for name in ("top_documents", "top_scores", "histogram", "pair_scores"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name))
    for name in ("greater", "tied", "tied_before"):
        np.testing.assert_array_equal(getattr(there.counts, name), getattr(here.counts, name))


def test_a_small_matrix_is_never_sent_to_a_device() -> None:
    assert scores_of(device="cuda").top_documents.shape == (7, 5)


def test_a_large_matrix_for_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("a CUDA device is here")
    monkeypatch.setattr(torch_device, "MIN_CELLS", 1)
    with pytest.raises(InvalidOptionError, match="no such device"):
        scores_of(device="cuda")


def test_values_of_baselines_are_the_same_on_a_torch_device(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    generator = np.random.default_rng(0)
    queries, documents = (generator.integers(-2, 3, (n, 4)).astype(np.float32) / 8 for n in (7, 40))
    judgments = Judgments.from_lists([[q, q + 20] for q in range(7)], n_documents=40)
    here = rank_values(queries, documents, judgments, ("MRR", "nDCG@10"), tolerance=1e-6)
    asked: list[str] = []

    def taken(name: str, n_cells: int) -> str:
        asked.append(name)
        return "cpu"

    monkeypatch.setattr(torch_device, "device_for", taken)
    there = rank_values(queries, documents, judgments, ("MRR", "nDCG@10"), tolerance=1e-6, device="cuda:1")
    assert asked == ["cuda:1"]
    for name, values in here.items():
        np.testing.assert_array_equal(there[name], values)
