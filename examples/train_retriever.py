"""Fine-tune a retrieval model with sentence-transformers, and say at the end whether it is better than before.

A script as the documentation of sentence-transformers has it, with EmbedscopeEvaluator in place of
InformationRetrievalEvaluator: that word and its import are all that is changed. It trains on the sample data.

    python examples/train_retriever.py --steps 60
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from embedscope.data.sample import sample_path
from embedscope.integrations import EmbedscopeEvaluator


def rows_of(split: str) -> list[dict[str, Any]]:
    return json.loads(sample_path(split).read_text(encoding="utf-8"))


def triplets() -> Dataset:
    rows = rows_of("train")
    return Dataset.from_dict(
        {
            "anchor": [row["query"] for row in rows],
            "positive": [row["pos"] for row in rows],
            "negative": [row["hard_neg"][0]["text"] for row in rows],
        }
    )


def judged(n_queries: int | None) -> tuple[dict[str, str], dict[str, str], dict[str, set[str]]]:
    """Queries and documents by id, and the ids of the documents that answer each query."""
    rows = rows_of("valid")[:n_queries]
    texts = [text for row in rows for text in (row["pos"], *(negative["text"] for negative in row["hard_neg"]))]
    corpus = {f"d{n}": text for n, text in enumerate(dict.fromkeys(texts))}
    id_of = {text: key for key, text in corpus.items()}
    queries = {f"q{n}": row["query"] for n, row in enumerate(rows)}
    return queries, corpus, {f"q{n}": {id_of[row["pos"]]} for n, row in enumerate(rows)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--output", default="tuned")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--queries", type=int, help="queries to evaluate with (default: all)")
    options = parser.parse_args()

    model = SentenceTransformer(options.model)
    evaluator = EmbedscopeEvaluator(*judged(options.queries), name="valid")
    evaluator(model)

    every = max(1, options.steps // 3)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=options.output,
            max_steps=options.steps,
            per_device_train_batch_size=16,
            learning_rate=2e-5,
            eval_strategy="steps",
            eval_steps=every,
            save_steps=every,
            load_best_model_at_end=True,
            metric_for_best_model="eval_valid_cosine_ndcg@10",
            report_to="none",
        ),
        train_dataset=triplets(),
        loss=MultipleNegativesRankingLoss(model),
        evaluator=evaluator,
    )
    trainer.train()

    evaluator(model)


if __name__ == "__main__":
    main()
