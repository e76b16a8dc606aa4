"""The pictures of a result as methods: ``result.plot.tsne()``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedscope.errors import InvalidOptionError
from embedscope.output.picture_process import pictures_of, source_of
from embedscope.result import NO_VECTORS, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {
    "tsne": "tsne_projection",
    "umap": "umap_projection",
    "heatmap": "similarity_heatmap",
    "distribution": "similarity_distribution",
    "top_k": "top_k_predictions",
    "negative_types": "negative_types",
    "spectrum": "spectrum",
    "thresholds": "thresholds",
    "robustness": "robustness",
    "deployment_cost": "deployment_cost",
}
"""Method -> name of the picture file."""

_OF_ONE_PANEL = ("tsne", "umap", "heatmap", "thresholds")

_OF_PART = {"spectrum": "geometry", "deployment_cost": "deployment"}
"""Method -> the part of the result that is drawn, where that has another name."""

_REASONS = {
    "heatmap": "no query with a relevant document was measured",
    "distribution": NO_VECTORS,
    "top_k": "there are no examples",
    "negative_types": "no hard negative of the data has a type",
    "robustness": "no perturbation changes a query",
}
"""Why a picture is missing where the result says nothing of it."""


@dataclass(frozen=True, slots=True, repr=False)
class Plots:
    """The pictures of a result as Matplotlib figures, which a notebook shows.

    ``color_by`` is the column of the data by which the maps are coloured, None for roles. ``folder`` is where a run
    that was read again lies: its vectors are gone, and its pictures are files there.
    """

    result: Result
    color_by: str | None = None
    folder: str | None = None

    def tsne(self, *, ax: Axes | None = None, color_by: str | None = None) -> Figure | Axes:
        """The t-SNE map; with ``ax`` drawn into those axes, which come back; ``color_by`` names a column."""
        return self._draw("tsne", ax=ax, color_by=color_by)

    def umap(self, *, ax: Axes | None = None, color_by: str | None = None) -> Figure | Axes:
        """The UMAP map, as `tsne`."""
        return self._draw("umap", ax=ax, color_by=color_by)

    def heatmap(self, *, ax: Axes | None = None) -> Figure | Axes:
        """Similarity of queries to positives; with ``ax`` its cells alone, in those axes, which come back."""
        return self._draw("heatmap", ax=ax)

    def distribution(self, *, ax: Axes | None = None) -> Figure | Axes:
        """Densities of positive, negative and hard-negative similarities; several panels, so no ``ax``."""
        return self._draw("distribution", ax=ax)

    def top_k(self, *, ax: Axes | None = None) -> Figure | Axes:
        """The nearest documents of the example queries; several panels, so no ``ax``."""
        return self._draw("top_k", ax=ax)

    def negative_types(self, *, ax: Axes | None = None) -> Figure | Axes:
        """Margins by type of hard negative; has columns of text beside it, so no ``ax``."""
        return self._draw("negative_types", ax=ax)

    def spectrum(self, *, ax: Axes | None = None) -> Figure | Axes:
        """Directions that the vectors use (``geometry=True``); several panels, so no ``ax``."""
        return self._draw("spectrum", ax=ax)

    def thresholds(self, *, ax: Axes | None = None) -> Figure | Axes:
        """Precision and recall by threshold; with ``ax`` drawn into those axes, which come back."""
        return self._draw("thresholds", ax=ax)

    def robustness(self, *, ax: Axes | None = None) -> Figure | Axes:
        """What other spellings do to the ranks (``robustness=True``); has columns of text beside it, so no ``ax``."""
        return self._draw("robustness", ax=ax)

    def deployment_cost(self, *, ax: Axes | None = None) -> Figure | Axes:
        """Quality against bytes a document (``deployment_cost=True``); may have two panels, so no ``ax``."""
        return self._draw("deployment_cost", ax=ax)

    def __repr__(self) -> str:
        """Which pictures this result has; why the others are missing."""
        if self.folder is not None:
            return f"No pictures: {self.why_absent('tsne')}."
        reasons = {name: self.why_absent(name) for name in NAMES}
        drawn = [f"{name}()" for name, reason in reasons.items() if reason is None]
        absent = [f"\n  {name}: {reason}" for name, reason in reasons.items() if reason is not None]
        return f"Pictures: {', '.join(drawn) or 'none'}" + (f"\nNot there:{''.join(absent)}" if absent else "")

    def why_absent(self, name: str) -> str | None:
        """Why there is no picture ``name``; None where there is one."""
        if self.folder is not None:
            return f"this run was read from {self.folder}, which has its pictures as files"
        if NAMES[name] in pictures_of(self.result):
            return None
        result, part = self.result, _OF_PART.get(name, name)
        reason = result.maps_absent.get(part) or result.not_measured.get(part)
        if reason is None and part in ("tsne", "umap"):
            reason = result.not_measured.get("maps") or f"not asked for; leave skip_{part} out"
        return reason or _REASONS.get(name, "not measured")

    def _draw(self, name: str, *, ax: Axes | None, color_by: str | None = None) -> Figure | Axes:
        reason = self.why_absent(name)
        if reason is not None:
            raise InvalidOptionError(f"This result has no picture '{name}' ({reason}).")
        draw: Any = pictures_of(self.result, color_by or self.color_by)[NAMES[name]]
        if ax is None:
            from embedscope.output.pictures import sign

            figure: Figure = sign(draw(), source_of(self.result))
            return figure
        if name not in _OF_ONE_PANEL:
            raise InvalidOptionError(
                f"ax: the picture '{name}' has more than one panel, or text beside it, and cannot be drawn into one "
                f"Axes. Leave ax out and take the figure that comes back; {', '.join(_OF_ONE_PANEL)} take ax."
            )
        if getattr(ax, "name", None) != "rectilinear":  # Matplotlib's word for axes with straight x and y
            raise InvalidOptionError(
                f"ax: expected the Axes of a Matplotlib figure, with straight x and y, came a {type(ax).__name__}."
            )
        draw(axes=ax)
        return ax
