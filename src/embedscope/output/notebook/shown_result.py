"""The result that a notebook holds: it shows itself, draws its pictures, gives its tables, writes its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.errors import InputError, InvalidOptionError
from embedscope.output.notebook.plots import Plots
from embedscope.output.notebook.shown_tables import ShownDocuments, ShownPoints, ShownQueries
from embedscope.result import Mapped, Result
from embedscope.result.codec import UNWRITTEN
from embedscope.settings import OutputSettings

if TYPE_CHECKING:
    from embedscope.output.notebook.report_widget import ReportWidget


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ShownResult(Result):
    """A result, and what a notebook does with it; its numbers are those of the record.

    ``options`` and ``elapsed_s`` are what the manifest says of the run; ``folder`` is where a run lies that was read
    again, None of one that was made here.
    """

    queries: ShownQueries = field(metadata=UNWRITTEN)
    documents: ShownDocuments = field(metadata=UNWRITTEN)
    points: ShownPoints | None = field(default=None, metadata=UNWRITTEN)
    options: Mapping[str, object] = field(default_factory=dict, metadata=UNWRITTEN)
    elapsed_s: float = field(default=0.0, metadata=UNWRITTEN)
    folder: str | None = field(default=None, metadata=UNWRITTEN)

    @property
    def plot(self) -> Plots:
        """The pictures: ``result.plot.tsne()``; printed, it says which there are."""
        color_by = self.options.get("color_by")
        return Plots(self, None if color_by is None else str(color_by), self.folder)

    def page(self) -> str | None:
        """The page as HTML; None of a run that was read from a folder without one."""
        from embedscope.output.notebook.summary_html import page_of
        from embedscope.output.page.html import render_run_folder
        from embedscope.output.page.payload import PAGE_FILE

        if self.folder is None:
            return page_of(self)
        return render_run_folder(self.folder) if (Path(self.folder) / PAGE_FILE).is_file() else None

    def save(self, folder: str | Path, *, dpi: int | None = None, format: str | None = None) -> list[str]:  # noqa: A002
        """Write what ``embedscope visualize`` writes; the names of the files.

        Parameters
        ----------
        folder : path
            Made where it is absent.
        dpi : int, optional
            Dots per inch of the pictures, at most 1200; by default as the run was asked for.
        format : {"png", "svg", "pdf"}, optional
            Of the pictures, likewise.

        Raises
        ------
        OutputError
            If the folder or a file cannot be written.
        InvalidOptionError
            If this run was read from its folder, ``dpi`` is none, or ``format`` is none of these.
        """
        from embedscope.output.picture_process import in_order, picture_files
        from embedscope.output.run_files import write_run

        if self.folder is not None:
            raise InvalidOptionError(f"This run was read from {self.folder}, which has its files: copy that folder.")
        asked: Any = {"dpi": dpi, "format": format}
        of_run: Any = {name: self.options[name] for name in asked if name in self.options}
        output = OutputSettings(**of_run | {name: value for name, value in asked.items() if value is not None})
        color_by: Any = self.options.get("color_by")

        def pictures() -> dict[str, bytes]:
            drawn = picture_files(self, dpi=output.dpi, format=output.format, color_by=color_by)
            return in_order(drawn, output.format)

        return write_run(self, folder, options=self.options, elapsed_s=self.elapsed_s, pictures=pictures)

    def widget(self) -> ReportWidget:
        """The page as a widget: ``selected`` and ``opened`` follow it, and it follows them (extra ``notebook``).

        Raises
        ------
        MissingExtraError
            If anywidget is not installed.
        InvalidOptionError
            If there is no page, or it is larger than what goes into a notebook.
        """
        from embedscope.output.notebook.report_widget import widget_of

        return widget_of(self.page(), self.queries.ids)

    def __repr__(self) -> str:
        """That of the record."""
        return Result.__repr__(self).replace(type(self).__name__, Result.__name__, 1)

    def _repr_html_(self) -> str:
        """The summary, and the page in its frame, or why there is none."""
        from embedscope.output.notebook.summary_html import framed, line, summary_of

        try:
            frame = framed(self.page())
        except InputError as error:  # the page of another version: the summary is shown all the same
            frame = line(str(error))
        return f"<div>{summary_of(self)}{frame}</div>"


def tables_of(stage: Mapped, saved: Any = None) -> dict[str, Any]:
    """The tables of a stage as data frames, by their fields; ``saved`` is the Arrow table of queries of an old run."""
    return {
        "queries": ShownQueries.of(stage.queries, stage.documents, saved),
        "documents": ShownDocuments.of(stage.documents),
        "points": None if stage.points is None else ShownPoints.of(stage.points, stage),
    }
