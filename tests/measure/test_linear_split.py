"""The split of queries and documents by a hyperplane: planted gaps, scikit-learn as an oracle, invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from embedscope.measure.linear_split import SHRINKAGE, linear_split
from embedscope.measure.space_statistics import centroid_distance
from embedscope.metrics.vectors import unit_rows


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def cloud(seed: int, n: int, dim: int) -> np.ndarray:
    return unit_rows(generator(seed).standard_normal((n, dim)) + 0.3)


clouds = st.builds(cloud, st.integers(0, 10_000), st.integers(3, 40), st.integers(2, 8))


def test_linear_split_finds_a_gap_and_finds_none_where_roles_are_alike() -> None:
    vectors = generator().standard_normal((600, 10))
    shift = np.zeros(10)
    shift[0] = 6.0
    apart = linear_split(vectors[:300], vectors[300:] + shift, generator=generator())
    alike = linear_split(vectors[:300], vectors[300:], generator=generator())
    assert apart is not None
    assert apart.auc > 0.999
    assert apart.accuracy > 0.98
    assert alike is not None
    assert alike.auc == pytest.approx(0.5, abs=0.08)
    assert alike.accuracy == pytest.approx(0.5, abs=0.08)


def test_linear_split_agrees_with_the_shrunk_discriminant_of_scikit_learn() -> None:
    rng = generator(5)
    queries, documents = rng.standard_normal((60, 6)), rng.standard_normal((90, 6)) * 1.5 + 0.4
    found = linear_split(queries, documents, generator=generator(9))
    deal = generator(9)
    folds = [
        deal.permutation(len(side))[np.argsort(np.argsort(side @ side.sum(0)))] % 5 for side in (queries, documents)
    ]
    aucs, accuracies = [], []
    for fold in range(5):
        train = np.vstack([queries[folds[0] != fold], documents[folds[1] != fold]])
        labels = np.repeat([1, 0], [(folds[0] != fold).sum(), (folds[1] != fold).sum()])
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE, priors=[0.5, 0.5])
        model.fit(train, labels)
        held_out = [queries[folds[0] == fold], documents[folds[1] == fold]]
        q, d = (model.decision_function(rows) for rows in held_out)
        aucs.append(roc_auc_score(np.repeat([1, 0], [len(q), len(d)]), np.concatenate([q, d])))
        accuracies.append(((q > 0).mean() + (d < 0).mean()) / 2)
    assert found is not None
    assert found.auc == pytest.approx(np.mean(aucs), abs=1e-12)
    assert found.accuracy == pytest.approx(np.mean(accuracies), abs=1e-12)


def test_rotation_and_scale_leave_the_gap_unchanged() -> None:
    queries, documents = cloud(1, 40, 5), cloud(2, 30, 5) + 0.1
    rotation = ortho_group.rvs(5, random_state=0)
    before = linear_split(queries, documents, generator=generator())
    after = linear_split(3 * queries @ rotation, 3 * documents @ rotation, generator=generator())
    assert before is not None
    assert after is not None
    assert after.auc == pytest.approx(before.auc, abs=1e-9)
    assert centroid_distance(3 * queries @ rotation, 3 * documents @ rotation) == pytest.approx(
        3 * centroid_distance(queries, documents)
    )


def test_a_split_of_too_few_or_of_equal_rows_does_not_exist() -> None:
    assert linear_split(np.eye(3), np.eye(3), generator=generator()) is None
    same = np.tile(cloud(0, 1, 4), (10, 1))
    assert linear_split(same, same, generator=generator()) is None
