"""The callback in trainers that have no evaluator: FlagEmbedding's, a plain one, and that of sentence-transformers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.tiny_model import VOCABULARY, Tiny, write_tiny

import embedscope
from embedscope.errors import InputError, InvalidOptionError
from embedscope.integrations import EmbedscopeCallback
from embedscope.result.saved_run import is_run_folder

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the other programs, about one another

VERDICT = re.compile(
    r"VERDICT: (WIN|MARGINAL|REGRESSION) \| score=[\d.]+ \| baseline=[\d.]+ \| delta=[+-][\d.]+ \[.*\]"
)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return write_tiny(tmp_path / "base", 32)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Queries of three words; the positive has them in another order, the negative another last word."""
    generator = np.random.default_rng(3)
    words = VOCABULARY.split()
    rows = []
    for _ in range(24):
        chosen = [words[i] for i in generator.choice(len(words), 5, replace=False)]
        query, positive = " ".join(chosen[:3]), " ".join([*chosen[2::-1], chosen[4]])
        rows.append({"query": query, "pos": [positive], "neg": [" ".join(chosen[1:4]), chosen[3]]})
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return file


def callback(trainer: Any, data: Any, **options: Any) -> Any:
    return EmbedscopeCallback(trainer, data, draws=200, page=False, **options)


def flag_runner(tiny: Tiny, data: Path, output: Path, **options: Any) -> Any:
    """The runner that ``python -m FlagEmbedding.finetune.embedder.encoder_only.base`` makes of its command line."""
    base = pytest.importorskip("FlagEmbedding.finetune.embedder.encoder_only.base")
    chosen = {"query_instruction_for_retrieval": "gần ", "query_max_len": 16, "passage_max_len": 16}
    training = base.EncoderOnlyEmbedderTrainingArguments(
        output_dir=str(output), max_steps=4, save_strategy="steps", save_steps=2, learning_rate=1e-2, use_cpu=True,
        per_device_train_batch_size=8, report_to="none", disable_tqdm=True, logging_steps=1, temperature=0.05,
        sentence_pooling_method="mean",
    )  # fmt: skip
    return base.EncoderOnlyEmbedderRunner(
        model_args=base.EncoderOnlyEmbedderModelArguments(model_name_or_path=str(tiny.folder)),
        data_args=base.EncoderOnlyEmbedderDataArguments(
            train_data=[str(data)], cache_path=str(output.parent / "cache"), train_group_size=2, **chosen, **options
        ),
        training_args=training,
    )


def test_the_trainer_of_flag_embedding_writes_a_run_at_every_save_and_logs_its_figures(
    tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    output, told = tmp_path / "tuned", []
    runner = flag_runner(tiny, data, output)
    runner.trainer.add_callback(callback(runner.trainer, data, tell=told.append))
    runner.run()
    folders = sorted((output / "embedscope").iterdir())
    assert [folder.name for folder in folders] == ["epoch0.666667_step2", "epoch0_step0", "epoch1.33333_step4"]
    assert all(is_run_folder(folder) for folder in folders)
    assert len(told) == 2
    assert all(VERDICT.fullmatch(line) for line in told)
    logged = [entry for entry in runner.trainer.state.log_history if "eval_MRR" in entry]
    assert [entry["step"] for entry in logged] == [0, 2, 4]
    assert all(entry["eval_MRR_low"] <= entry["eval_MRR"] <= entry["eval_MRR_high"] for entry in logged)
    assert logged[-1]["eval_MRR"] != logged[0]["eval_MRR"]
    # What was measured is what was saved: with the instruction, pooled and cut off as in training.
    options: dict[str, Any] = {"pooling": "mean", "max_length": 16, "query_prompt": "gần ", "no_cache": True}
    saved = embedscope.run(
        checkpoint=str(output / "checkpoint-4"), data=str(data), max_samples=0, draws=200, explain=0,
        skip_tsne=True, skip_umap=True, device="cpu", **options,
    )  # fmt: skip
    assert saved.metrics["MRR"].value == pytest.approx(logged[-1]["eval_MRR"], abs=1e-6)
    report = json.loads((folders[-1] / "report.json").read_text())
    assert report["model"]["query_prompt"] == "gần "
    assert report["model"]["similarity"] == "cosine"


def plain_trainer(tiny: Tiny, output: Path, **options: Any) -> Any:
    """A Trainer of a model that is given features and its own loss, as most scripts outside the libraries have it."""
    import torch
    from transformers import Trainer, TrainingArguments

    class Pairs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = tiny.model

        def forward(self, texts: Any) -> Any:
            vectors = encoded(self.encoder, tiny.tokenizer, texts)
            return {"loss": vectors.square().mean()}

    arguments = TrainingArguments(
        output_dir=str(output), use_cpu=True, disable_tqdm=True, remove_unused_columns=False,
        per_device_train_batch_size=4, learning_rate=1e-3, **options,
    )  # fmt: skip
    rows = [f"{word} quận" for word in VOCABULARY.split()[:8]]
    return Trainer(
        Pairs(), arguments, train_dataset=rows, eval_dataset=rows, data_collator=lambda batch: {"texts": list(batch)}
    )


def encoded(model: Any, tokenizer: Any, texts: Any) -> Any:
    return model(**tokenizer(list(texts), padding=True, return_tensors="pt")).last_hidden_state.mean(1)


def test_a_plain_trainer_reports_the_figures_and_selects_its_best_checkpoint_by_them(
    tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    output, told = tmp_path / "tuned", []
    trainer = plain_trainer(
        tiny, output, max_steps=4, eval_strategy="steps", eval_steps=2, save_steps=2, report_to="tensorboard",
        load_best_model_at_end=True, metric_for_best_model="eval_rooms_MRR", greater_is_better=True,
    )  # fmt: skip
    trainer.add_callback(
        callback(
            trainer,
            data,
            encode=lambda texts, is_query: encoded(trainer.model.encoder, tiny.tokenizer, texts),
            name="rooms",
            tell=told.append,
        )
    )
    trainer.train()
    logged = [entry["eval_rooms_MRR"] for entry in trainer.state.log_history if "eval_rooms_MRR" in entry]
    assert len(logged) == 3
    assert trainer.state.best_metric == max(logged[1:])
    best_is_last = trainer.state.best_global_step == 4
    assert len(told) == (2 if best_is_last else 3)
    assert (output / "rooms" / "best").exists() is not best_is_last
    (folder,) = {file.parent for file in output.rglob("events.out.tfevents.*")}
    curves = loading.EventAccumulator(str(folder))
    curves.Reload()
    assert {"eval/rooms_MRR", "eval/rooms_MRR_low", "eval/rooms_MRR_high"} <= set(curves.Tags()["scalars"])
    assert [event.value for event in curves.Scalars("eval/rooms_MRR")] == pytest.approx(logged)


def test_a_model_in_training_stays_in_training_and_is_measured_without_dropout(
    tiny: Tiny, data: Path, tmp_path: Path
) -> None:
    trainer = plain_trainer(tiny, tmp_path / "tuned", report_to="none")
    modes = []

    def encode(texts: Any, is_query: bool) -> Any:
        modes.append(trainer.model.training)
        return np.ones((len(texts), 2)) * np.arange(1, len(texts) + 1)[:, np.newaxis] + [[0, 1]]

    trainer.model.train()
    callback(trainer, data, encode=encode, output=tmp_path / "runs").on_train_begin(trainer.args, trainer.state, None)
    assert modes == [False, False]
    assert trainer.model.training
    assert is_run_folder(tmp_path / "runs" / "epoch0_step0")


def test_what_cannot_be_used_is_refused_before_the_training(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    trainer = plain_trainer(tiny, tmp_path / "tuned", report_to="none")
    with pytest.raises(InvalidOptionError, match=r"does not know how a Pairs encodes texts\. Pass encode="):
        callback(trainer, data)
    with pytest.raises(InputError, match="does not exist"):
        callback(trainer, tmp_path / "absent.json", encode=lambda texts, is_query: texts)
    made = callback(trainer, data, encode=lambda texts, is_query: np.zeros(3))
    with pytest.raises(InvalidOptionError, match=r"of shape \(24, dim\); it gave shape \(3,\)"):
        made.on_train_begin(trainer.args, trainer.state, None)


def test_a_model_of_sentence_transformers_needs_no_function(tiny: Tiny, data: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    trainer = plain_trainer(tiny, tmp_path / "tuned", report_to="none")
    trainer.model = library.SentenceTransformer(str(tiny.folder), device="cpu", prompts={"query": "gần "})
    made = callback(trainer, data, output=tmp_path / "runs")
    made.on_train_begin(trainer.args, trainer.state, None)
    report = json.loads((tmp_path / "runs" / "epoch0_step0" / "report.json").read_text())
    assert report["model"]["query_prompt"] == "gần "
