"""Advice: each sentence follows from the tests and intervals that it names, case by case."""

from __future__ import annotations

import pytest

from embedscope.migration.advice import advise
from embedscope.result import Comparison, Estimate, HeadProduct, MigrationCost, MigrationPath, PathKind

COST = MigrationCost(1_000_000, 100.0, 1e6 / 100 / 3600, "measured", 1, 1)
HEAD = HeadProduct(384, 128, 1e9, 3.0, 1, is_old_index_enough=False)
CHANCE = {"MRR": 0.05}


def against(difference: float, p: float = 0.001) -> tuple[Comparison, ...]:
    return (Comparison("a", "b", "MRR", difference, difference - 0.01, difference + 0.01, p, p, None, 1, 1, 1),)


def path(kind: PathKind, value: float, share: float = 0.0, p: float = 0.001, kept: float = 0.5) -> MigrationPath:
    """A path of this MRR, where OLD has 0.4 and NEW 0.5; ``p`` that of both differences."""
    metrics = {"MRR": Estimate(value, value - 0.02, value + 0.02)}
    kept_share = Estimate(kept, kept - 0.1, kept + 0.1)
    return MigrationPath(kind, share, metrics, against(value - 0.4, p), against(value - 0.5, p), kept_share, 0, 0, 1)


def paths(**changed: MigrationPath) -> list[MigrationPath]:
    found = {kind.name: path(kind, 0.45) for kind in PathKind if "MIXED" not in kind.name}
    found |= {kind.name: path(kind, 0.45, 0.5, kept=0.5) for kind in PathKind if "MIXED" in kind.name}
    found["NEW"] = path(PathKind.NEW, 0.5, 1.0)
    found["UNADAPTED"] = path(PathKind.UNADAPTED, 0.06)
    return list((found | changed).values())


def said(cost: MigrationCost = COST, **changed: MigrationPath) -> str:
    return "\n".join(advise(paths(**changed), cost, PathKind.AFFINE, CHANCE, is_same=False))


def with_head(head: HeadProduct) -> MigrationCost:
    return MigrationCost(1_000_000, None, None, "vectors", 1, 1, head)


def test_a_sure_gain_is_worth_encoding_all_again() -> None:
    lines = said().splitlines()
    assert lines[0] == "Encode all again: +0.1000 [0.0900, 0.1100] MRR (1M documents, about 2.8 h of encoding)."
    assert "the affine adapter keeps 50.0 % [40.0, 60.0] of the gain: +0.0500" in lines[1]
    assert lines[2] == "Do not serve NEW queries on the OLD index as they are: MRR falls to 0.0600."
    assert lines[3].startswith(
        "While the index is mixed, search it with NEW queries as they are (1 encoding of each query)"
    )


def test_a_head_needs_a_product_and_the_texts_only_where_base_vectors_were_not_kept() -> None:
    first = said(with_head(HEAD)).splitlines()[0]
    assert first.startswith("Compute the NEW index from stored base vectors: +0.1000")
    assert "about 3 s; no text is encoded unless base vectors were not kept: then 1M documents)" in first
    enough = HeadProduct(384, 128, 1e9, 3.0, 1, is_old_index_enough=True)
    lines = said(with_head(enough))
    assert "from the vectors of the OLD index" in lines
    assert "unless" not in lines
    assert "mixed" not in lines  # the NEW index is there before one is mixed


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"NEW": path(PathKind.NEW, 0.3, 1.0)}, "Stay with OLD: NEW changes MRR by -0.1000"),
        ({"NEW": path(PathKind.NEW, 0.41, 1.0, p=0.4)}, "No gain is shown: NEW changes MRR by +0.0100"),
        ({"AFFINE": path(PathKind.AFFINE, 0.06)}, "adapter does no better than chance (MRR 0.0600, chance 0.0500)"),
        (
            {"AFFINE": path(PathKind.AFFINE, 0.2)},
            "Do not serve NEW queries on the OLD index through the affine adapter",
        ),
        ({"AFFINE": path(PathKind.AFFINE, 0.49, p=0.3)}, "the affine adapter shows no loss: -0.0100"),
        ({"FUSED": path(PathKind.FUSED, 0.6)}, "Both indexes fused add +0.1000"),
        ({"UNADAPTED": path(PathKind.UNADAPTED, 0.39, p=0.3)}, "No loss is shown for NEW queries on the OLD index"),
        (
            {kind.name: path(kind, 0.3, 0.5) for kind in PathKind if "MIXED" in kind.name},
            "Do not serve a mixed index: it loses MRR by every rule, at 50 % NEW still -0.1000",
        ),
    ],
)
def test_each_case_has_its_sentence(changed: dict[str, MigrationPath], expected: str) -> None:
    assert expected in said(**changed)


def test_a_worse_model_has_one_sentence_and_equal_vectors_another() -> None:
    assert len(said(NEW=path(PathKind.NEW, 0.3, 1.0)).splitlines()) == 1
    (only,) = advise(paths(), COST, PathKind.AFFINE, CHANCE, is_same=True)
    assert only.startswith("Nothing changes")
