"""The page as a widget of Jupyter, VS Code and marimo, by anywidget."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from embedscope.errors import InvalidOptionError, importing
from embedscope.output.notebook.summary_html import FRAME_HEIGHT, SANDBOX, why_no_frame


class ReportWidget(Protocol):
    """What the widget has beside what every widget has, such as ``observe``."""

    selected: list[str]
    """Ids of the selected queries, in the order of the table; [] where nothing is selected."""
    opened: str | None
    """Id of the query that is open."""


def widget_of(page: str | None, query_ids: Sequence[str]) -> ReportWidget:
    """A widget that shows ``page``; raises as ``result.widget`` does."""
    reason = why_no_frame(page)
    if reason is not None:
        raise InvalidOptionError(reason)
    with importing("anywidget", needed_for="A widget", extra="notebook"):
        made: ReportWidget = _widget_class()(query_ids, page=page)
    return made


@cache
def _widget_class() -> Any:
    import anywidget
    import traitlets

    class Report(anywidget.AnyWidget):
        _esm = files(__package__).joinpath("report_widget.js").read_text(encoding="utf-8")
        page = traitlets.Unicode().tag(sync=True)
        sandbox = traitlets.Unicode(SANDBOX).tag(sync=True)
        height = traitlets.Int(FRAME_HEIGHT).tag(sync=True)
        selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
        opened = traitlets.Unicode(None, allow_none=True).tag(sync=True)

        def __init__(self, query_ids: Sequence[str], **traits: Any) -> None:
            self._known = frozenset(query_ids)
            super().__init__(**traits)

        @traitlets.validate("selected", "opened")
        def _are_queries(self, proposal: Any) -> Any:
            value = proposal["value"]
            named = value if isinstance(value, list) else [] if value is None else [value]
            unknown = [each for each in named if each not in self._known]
            if unknown:
                raise traitlets.TraitError(
                    f"{len(unknown)} of {len(named)} ids are of no query in this run (first: {unknown[0]!r}); "
                    f"result.queries.ids has them all."
                )
            return value

        def __repr__(self) -> str:
            return f"<Report of {len(self._known):,} queries, {len(self.selected):,} selected>"

    return Report
