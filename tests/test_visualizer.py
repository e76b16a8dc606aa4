"""The notebook face: the method names of the original project, the numbers of the command line."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.support.scene import run, write_rows

from embedscope import EmbeddingVisualizer, InputError, Settings
from embedscope.result import Result, VerdictOutcome


@pytest.fixture(scope="module")
def viz(minilm: str, tmp_path_factory: pytest.TempPathFactory) -> EmbeddingVisualizer:
    plt.switch_backend("agg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBEDSCOPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return EmbeddingVisualizer(minilm, device="cpu", quiet=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "test.json", 12)


@pytest.fixture(scope="module")
def result(viz: EmbeddingVisualizer, data: Path) -> Result:
    return viz.analyse(data, skip_umap=True, draws=300)


def test_texts_become_unit_rows_in_their_own_order(viz: EmbeddingVisualizer) -> None:
    texts = ["a room in District 10", "phòng trọ quận 10", "a room in District 10"]
    vectors = viz.encode_batch(texts, batch_size=2)
    assert vectors.shape == (3, viz.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert (vectors[0] == vectors[2]).all()
    assert viz.encode_batch(texts[1:2])[0] == pytest.approx(vectors[1], abs=1e-6)


def test_the_similarity_matrix_is_the_cosine_of_any_rows(viz: EmbeddingVisualizer) -> None:
    queries, documents = np.array([[3.0, 0.0], [1.0, 1.0]]), np.array([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0]])
    expected = [[1, 0, -1], [np.sqrt(0.5), np.sqrt(0.5), -np.sqrt(0.5)]]
    assert viz.compute_similarity_matrix(queries, documents) == pytest.approx(np.array(expected))


def test_an_unknown_device_or_role_is_an_error_that_names_the_choices(viz: EmbeddingVisualizer, minilm: str) -> None:
    with pytest.raises(InputError, match=r"auto, cpu, cuda, mps, not 'gpu'"):
        EmbeddingVisualizer(minilm, device="gpu")
    with pytest.raises(InputError, match=r"auto, float32, float16, bfloat16, not 'half'"):
        EmbeddingVisualizer(minilm, precision="half")
    with pytest.raises(InputError, match="'query' or 'document', not 'passage'"):
        viz.encode_batch(["a"], role="passage")


@pytest.mark.parametrize(
    "name",
    [
        "plot_tsne",
        "plot_similarity_heatmap",
        "plot_similarity_distribution",
        "plot_top_k_predictions",
        "plot_negative_types",
    ],
)
def test_every_plot_is_a_figure_and_is_written_where_asked(
    name: str, viz: EmbeddingVisualizer, result: Result, tmp_path: Path
) -> None:
    figure = getattr(viz, name)(result, output_path=tmp_path / "picture.png")
    assert isinstance(figure, Figure)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    plt.close(figure)


def test_a_map_that_was_not_laid_out_is_an_error_and_not_an_empty_picture(
    viz: EmbeddingVisualizer, result: Result
) -> None:
    with pytest.raises(InputError, match=r"no picture 'umap' \(not asked for; leave skip_umap out\)"):
        viz.plot_umap(result)


def test_the_notebook_and_the_command_line_give_the_same_numbers(
    viz: EmbeddingVisualizer, data: Path, minilm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = viz.analyse(data, skip_tsne=True, skip_umap=True)
    words = ["evaluate", "--checkpoint", minilm, "--data", data, "--device", "cpu", "--json"]
    report = json.loads(run(capsys, *words).out)
    for name, metric in result.metrics.items():
        shown = report["metrics"][name]
        assert (metric.value, metric.low, metric.high) == pytest.approx((shown["value"], shown["low"], shown["high"]))
    _, verdict = viz.judge(result)
    assert verdict.outcome is VerdictOutcome.UNFIT
    assert verdict.outcome == report["verdict"]["outcome"]


def test_the_analysis_runs_on_the_device_of_the_encoder(
    viz: EmbeddingVisualizer, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from embedscope import visualizer

    asked: list[str] = []

    def take(_: object, __: object, settings: Settings, **___: object) -> None:
        asked.append(settings.model.device)

    monkeypatch.setattr(visualizer, "result_of", take)
    viz.analyse(data, max_samples=5)
    viz.analyse(data, max_samples=5, device="auto")
    assert asked == ["cpu", "auto"]


def test_the_training_file_and_the_baseline_take_part_and_another_model_is_refused(
    viz: EmbeddingVisualizer, data: Path, minilm: str
) -> None:
    result = viz.analyse(data, train=data, baseline=minilm, skip_tsne=True, skip_umap=True, draws=200)
    assert result.leakage is not None
    assert result.leakage.share_of_queries == 1.0
    assert minilm in result.references
    with pytest.raises(InputError, match="base_model is an option of EmbeddingVisualizer"):
        viz.analyse(data, base_model="elsewhere")
