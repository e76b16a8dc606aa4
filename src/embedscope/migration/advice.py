"""What to do, in sentences: each rests on an interval or a paired test, the first one decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from embedscope.migration.serving_paths import MIXED
from embedscope.result import Comparison, MigrationCost, MigrationPath, PathKind
from embedscope.result.formatting import count, difference, number, percent, percent_estimate
from embedscope.units import format_count, format_seconds

METRIC = "MRR"

RULES = {
    PathKind.MIXED_UNADAPTED: "NEW queries as they are",
    PathKind.MIXED_ADAPTED: "NEW queries, adapted for the OLD documents, NEW scores scaled",
    PathKind.MIXED_BOTH: "both queries, raw scores",
    PathKind.MIXED_SCALED: "both queries, NEW scores on the scale of OLD",
}


def advise(
    paths: Sequence[MigrationPath],
    cost: MigrationCost,
    adapter: PathKind,
    chance: Mapping[str, float],
    *,
    is_same: bool,
) -> tuple[str, ...]:
    """The sentences to act on; ``adapter`` is the kind that was chosen by its documents."""
    if is_same:
        return ("Nothing changes: OLD and NEW give the same vectors, and no document has to be encoded again.",)
    by_kind = {path.kind: path for path in paths if path.kind not in MIXED}
    gain = _on_metric(by_kind[PathKind.NEW].from_old)
    if gain.is_surely(-1):
        return (f"Stay with OLD: NEW changes {METRIC} by {difference(gain)}.",)
    sentences = [_headline(gain, cost)]
    sentences.append(_of_adapter(by_kind[adapter], gain, chance[METRIC]))
    sentences += _of_unadapted(by_kind[PathKind.UNADAPTED])
    if cost.head is None or not cost.head.is_old_index_enough:  # else the NEW index is there before one is mixed
        sentences.append(_of_mixed([path for path in paths if path.kind in MIXED and path.metrics]))
    fused = _on_metric(by_kind[PathKind.FUSED].from_new)
    if fused.is_surely(1) and _on_metric(by_kind[PathKind.FUSED].from_old).is_surely(1):
        sentences.append(
            f"Both indexes fused add {difference(fused)} {METRIC} to NEW, for two encodings of each query and the "
            f"bytes of both."
        )
    return tuple(sentences)


def _on_metric(comparisons: Sequence[Comparison]) -> Comparison:
    return next(each for each in comparisons if each.metric == METRIC)


def _headline(gain: Comparison, cost: MigrationCost) -> str:
    if not gain.is_surely(1):
        return f"No gain is shown: NEW changes {METRIC} by {difference(gain)}. There is no reason to swap yet."
    head = cost.head
    if head is not None:
        vectors = "the vectors of the OLD index" if head.is_old_index_enough else "stored base vectors"
        how = f"a product with the head, about {format_seconds(head.seconds)}; no text is encoded"
        if not head.is_old_index_enough:
            how += f" unless base vectors were not kept: then {_encoding(cost)}"
        return f"Compute the NEW index from {vectors}: {difference(gain)} {METRIC} ({how})."
    return f"Encode all again: {difference(gain)} {METRIC} ({_encoding(cost)})."


def _encoding(cost: MigrationCost) -> str:
    texts = f"{format_count(cost.n_documents)} documents"
    return texts if cost.hours is None else f"{texts}, about {format_seconds(3600 * cost.hours)} of encoding"


def _of_adapter(path: MigrationPath, gain: Comparison, chance: float) -> str:
    """What becomes of NEW queries that are carried into the OLD space."""
    found, against_old, against_new = path.metrics[METRIC], _on_metric(path.from_old), _on_metric(path.from_new)
    if found.at_least <= chance:
        return (
            f"The {path.kind} adapter does no better than chance ({METRIC} {number(found.value)}, chance "
            f"{number(chance)}): no linear map was found from the NEW space to the OLD one."
        )
    if against_old.is_surely(-1):
        return (
            f"Do not serve NEW queries on the OLD index through the {path.kind} adapter: {METRIC} changes by "
            f"{difference(against_old)} from OLD."
        )
    name = f"On the OLD index, the {path.kind} adapter"
    if not gain.is_surely(1):
        return f"{name} changes {METRIC} by {difference(against_old)} from OLD."
    if not against_new.is_surely(-1):
        return f"{name} shows no loss: {difference(against_new)} {METRIC} from NEW."
    if not against_old.is_surely(1):
        return f"{name} has nothing of the gain to show: {difference(against_old)} {METRIC} from OLD."
    return f"{name} keeps {percent_estimate(path.kept)} of the gain: {difference(against_old)} {METRIC} over OLD."


def _of_unadapted(path: MigrationPath) -> Iterator[str]:
    if not path.metrics:
        return
    against, value = _on_metric(path.from_old), number(path.metrics[METRIC].value)
    if against.is_surely(-1):
        yield f"Do not serve NEW queries on the OLD index as they are: {METRIC} falls to {value}."
    else:
        yield (
            f"No loss is shown for NEW queries on the OLD index as they are: {METRIC} {value}, {difference(against)} "
            f"from OLD."
        )


def _of_mixed(paths: Sequence[MigrationPath]) -> str:
    """The rule whose worst share is best, and whether it costs anything against OLD."""
    kinds = dict.fromkeys(path.kind for path in paths)
    worst = [min((path for path in paths if path.kind is kind), key=_value) for kind in kinds]
    best = max(worst, key=_value)
    against, rule = _on_metric(best.from_old), RULES[best.kind]
    if against.is_surely(-1):
        return (
            f"Do not serve a mixed index: it loses {METRIC} by every rule, at {percent(best.share)} NEW still "
            f"{difference(against)} from OLD ({rule}). Switch from one whole index to the other."
        )
    queries = count(best.query_encodings, "encoding")
    return (
        f"While the index is mixed, search it with {rule} ({queries} of each query): {METRIC} is "
        f"at least {number(_value(best))} at every share, {difference(against)} from OLD."
    )


def _value(path: MigrationPath) -> float:
    return path.metrics[METRIC].value or 0.0
