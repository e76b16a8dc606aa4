"""The ways to serve during and after a swap, each measured on the same queries and compared with OLD and with NEW."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from embedscope.measure.rank_metrics import PRIMARY_METRICS
from embedscope.migration.adapter_fits import HalvedAdapter
from embedscope.migration.index_parts import IndexPart, Level
from embedscope.migration.model_swap import METRICS, ModelSwap, Values
from embedscope.protocols import BoolArray, ProgressCallback
from embedscope.result import Comparison, Estimate, MigrationCost, MigrationPath, PathKind
from embedscope.stats.resampler import Resampler, Stream, holm_over

SHARES = (0.25, 0.5, 0.75)
DRAWS = 5
MIXED = (PathKind.MIXED_UNADAPTED, PathKind.MIXED_ADAPTED, PathKind.MIXED_BOTH, PathKind.MIXED_SCALED)
OTHER_WIDTH = "the vectors of OLD and NEW are of unequal width"


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """The metrics of a path for each query, averaged over its draws; ``values`` are empty where it cannot be served."""

    kind: PathKind
    share: float
    values: Values
    draws: tuple[float, ...] = ()
    n_fitted: int = 0  # documents that its adapter was fitted on


def served_paths(
    swap: ModelSwap,
    adapters: Sequence[HalvedAdapter],
    generator: np.random.Generator,
    progress: ProgressCallback = lambda done, total, message=None: None,
) -> list[Served]:
    """Every path, OLD and NEW first; mixed indexes over `DRAWS` random choices of the documents that are NEW."""
    every = np.arange(swap.n_documents)
    n_steps = 4 + len(adapters) + len(SHARES) * len(MIXED)
    found: list[Served] = []

    def add(served: Served) -> None:
        found.append(served)
        progress(len(found), n_steps)

    add(Served(PathKind.OLD, 0.0, swap.values([IndexPart(every, swap.old_queries, swap.old_documents)])))
    add(Served(PathKind.NEW, 1.0, swap.values([IndexPart(every, swap.new_queries, swap.new_documents)])))
    unadapted = [IndexPart(every, swap.new_queries, swap.old_documents)] if swap.is_one_width else []
    add(Served(PathKind.UNADAPTED, 0.0, swap.values(unadapted) if unadapted else {}))
    for adapter in adapters:
        add(Served(adapter.fit.kind, 0.0, swap.values(adapter.parts(swap)), n_fitted=adapter.fit.n_fitted))
    for served in _mixed(swap, chosen_adapter(adapters), generator):
        add(served)
    add(Served(PathKind.FUSED, 1.0, swap.fused_values()))
    return found


def chosen_adapter(adapters: Sequence[HalvedAdapter]) -> HalvedAdapter:
    """The one whose carried documents lie nearest their OLD vectors; no query has a say in it."""
    return max(adapters, key=lambda each: each.fit.cosine.value or -1.0)


def _mixed(swap: ModelSwap, adapter: HalvedAdapter, generator: np.random.Generator) -> Iterator[Served]:
    choices = {share: [_drawn(swap.n_documents, share, generator) for _ in range(DRAWS)] for share in SHARES}
    levels = (Level.of(swap.old_queries, swap.old_documents), Level.of(swap.new_queries, swap.new_documents))
    for kind in MIXED:
        for share, draws in choices.items():
            if kind is PathKind.MIXED_UNADAPTED and not swap.is_one_width:
                yield Served(kind, share, {})
                continue
            each = [swap.values(_parts(kind, swap, is_new, adapter, levels)) for is_new in draws]
            values = {name: np.mean([one[name] for one in each], axis=0) for name in METRICS}
            n_fitted = adapter.fit.n_fitted if kind is PathKind.MIXED_ADAPTED else 0
            yield Served(kind, share, values, tuple(float(one["MRR"].mean()) for one in each), n_fitted)


def _drawn(n: int, share: float, generator: np.random.Generator) -> BoolArray:
    """A random choice of a share of n documents, at least one and not all."""
    is_new = np.zeros(n, dtype=np.bool_)
    is_new[generator.permutation(n)[: min(max(round(share * n), 1), n - 1)]] = True
    return is_new


def _parts(
    kind: PathKind, swap: ModelSwap, is_new: BoolArray, adapter: HalvedAdapter, levels: tuple[Level, Level]
) -> list[IndexPart]:
    """A mixed index: which queries search its NEW and its OLD documents."""
    new_rows, old_rows = np.flatnonzero(is_new), np.flatnonzero(~is_new)
    new = IndexPart(new_rows, swap.new_queries, swap.new_documents)
    if kind is PathKind.MIXED_UNADAPTED:
        return [new, IndexPart(old_rows, swap.new_queries, swap.old_documents)]
    if kind is PathKind.MIXED_ADAPTED:
        return [new, *adapter.parts(swap, old_rows)]
    old = IndexPart(old_rows, swap.old_queries, swap.old_documents)
    if kind is PathKind.MIXED_SCALED and levels[1].std > 0:
        scale = levels[0].std / levels[1].std
        new = IndexPart(new_rows, swap.new_queries, swap.new_documents, scale, levels[0].mean - scale * levels[1].mean)
    return [new, old]


# --- from values to records ---------------------------------------------------------------------------------------


def path_records(served: Sequence[Served], resampler: Resampler, cost: MigrationCost) -> tuple[MigrationPath, ...]:
    """Each path with its intervals, and its paired differences to OLD and to NEW.

    Each path against each of the two is a question of its own: Holm corrects over the primary metrics of one.
    """
    old, new = served[0].values, served[1].values
    paired = resampler.on(Stream.COMPARISON)
    gain = next(each for each in _against(paired, "NEW", new, "OLD", old) if each.metric == "MRR")
    is_other = gain.is_surely(1) or gain.is_surely(-1)
    records = []
    for each in served:
        label, values = f"{each.kind} {each.share:.0%}" if each.kind in MIXED else str(each.kind), each.values
        records.append(
            MigrationPath(
                kind=each.kind,
                share=each.share,
                metrics=resampler.means(values) if values else {},
                from_old=_against(paired, label, values, "OLD", old) if each.kind is not PathKind.OLD else (),
                from_new=_against(paired, label, values, "NEW", new) if each.kind is not PathKind.NEW else (),
                kept=_kept(each, old, new, resampler, is_other=is_other),
                n_texts=_n_texts(each, cost.n_documents),
                n_bytes=_n_bytes(each, cost),
                query_encodings=2 if each.kind in (PathKind.MIXED_BOTH, PathKind.MIXED_SCALED, PathKind.FUSED) else 1,
                draws=each.draws,
                reason=None if values else OTHER_WIDTH,
            )
        )
    return tuple(records)


def _against(resampler: Resampler, a: str, ours: Values, b: str, theirs: Values) -> tuple[Comparison, ...]:
    return holm_over(resampler.compare(a, ours, {b: theirs}, METRICS), PRIMARY_METRICS)


def _kept(each: Served, old: Values, new: Values, resampler: Resampler, *, is_other: bool) -> Estimate:
    """Share of the difference from OLD to NEW that the path has, in MRR."""
    if not each.values:
        return Estimate.absent(OTHER_WIDTH)
    if not is_other:
        return Estimate.absent("no difference in MRR between OLD and NEW is shown")
    (found,) = resampler.ratio(np.column_stack([each.values["MRR"] - old["MRR"], new["MRR"] - old["MRR"]]))
    return found


def _n_texts(each: Served, n_documents: int) -> int:
    if each.kind in MIXED:
        return max(round(each.share * n_documents), min(each.n_fitted, n_documents))
    return n_documents if each.kind in (PathKind.NEW, PathKind.FUSED) else min(each.n_fitted, n_documents)


def _n_bytes(each: Served, cost: MigrationCost) -> int:
    if each.kind is PathKind.FUSED:
        return cost.old_bytes + cost.new_bytes
    return round((1 - each.share) * cost.old_bytes + each.share * cost.new_bytes)
