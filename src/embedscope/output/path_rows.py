"""The paths of a migration as rows of text, which the terminal, the Markdown table and the picture share."""

from __future__ import annotations

from embedscope.result import Estimate, MigrationPath, PathKind
from embedscope.result.formatting import ABSENT, difference, estimate, number, percent
from embedscope.units import format_bytes, format_count

METRICS = ("MRR", "Success@1", "nDCG@10")

NAMES = {
    PathKind.OLD: "OLD alone",
    PathKind.NEW: "NEW alone, everything encoded again",
    PathKind.UNADAPTED: "NEW queries as they are, OLD index",
    PathKind.ORTHOGONAL: "NEW queries, orthogonal adapter, OLD index",
    PathKind.AFFINE: "NEW queries, affine adapter, OLD index",
    PathKind.MIXED_UNADAPTED: "{share} NEW: NEW queries as they are",
    PathKind.MIXED_ADAPTED: "{share} NEW: NEW queries, adapted for OLD, scaled",
    PathKind.MIXED_BOTH: "{share} NEW: both queries, raw scores",
    PathKind.MIXED_SCALED: "{share} NEW: both queries, NEW scores scaled",
    PathKind.FUSED: "both indexes whole, fused",
}


def path_name(path: MigrationPath) -> str:
    """The path in a few words."""
    return NAMES[path.kind].format(share=percent(path.share))


def metric_of(path: MigrationPath, metric: str) -> Estimate:
    """A metric of the path, absent with the path's own reason."""
    return path.metrics.get(metric, Estimate.absent(path.reason or ""))


def change_of(path: MigrationPath, metric: str = "MRR", *, from_new: bool = False) -> str:
    """``+0.0312 [-0.0104, 0.0728]``: the paired difference to OLD, or to NEW."""
    found = path.from_new if from_new else path.from_old
    return next((difference(each) for each in found if each.metric == metric), ABSENT)


def cost_cells(path: MigrationPath) -> tuple[str, str, str]:
    """Documents to encode before the path serves, bytes of the vectors, encodings of a query."""
    return format_count(path.n_texts), format_bytes(path.n_bytes), str(path.query_encodings)


def metric_cells(path: MigrationPath) -> list[str]:
    """MRR with its interval, and the other metrics."""
    return [estimate(metric_of(path, METRICS[0])), *(number(metric_of(path, name).value) for name in METRICS[1:])]
