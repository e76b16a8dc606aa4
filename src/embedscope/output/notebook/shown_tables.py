"""The tables of a result as data frames: Arrow first, for pandas, polars and whatever else reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from embedscope.output.arrow_columns import arrow_column
from embedscope.output.page.html import as_text
from embedscope.output.table_columns import columns_of_documents, columns_of_queries, point_columns
from embedscope.result import DocumentTable, Mapped, Points, QueryTable

if TYPE_CHECKING:
    import pyarrow as pa

_N_ROWS, _N_LETTERS = 5, 60
_FIRST = ("id", "text", "role", "rank", "is_correct", "margin", "wrong_text", "failure_mode", "theme")
"""Columns that a notebook shows of a table that has more."""


class ShownTable(ABC):
    """A table of a result that data frames are made of: ``polars.DataFrame(result.queries)``, ``.to_pandas()``."""

    __slots__ = ()

    @abstractmethod
    def columns(self) -> Mapping[str, Any]:
        """The columns, as `arrow_column` takes them."""

    def to_arrow(self) -> pa.Table:
        """The table in Arrow, with the columns of its Parquet file."""
        import pyarrow as pa

        return pa.table({name: arrow_column(values) for name, values in self.columns().items()})

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow PyCapsule interface, by which any library of data frames takes the table."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame``; raises ImportError without pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """A ``polars.DataFrame``; raises ImportError without polars."""
        import polars

        return polars.DataFrame(self.to_arrow())

    @property
    def frame(self) -> Any:
        """A data frame of pandas where that is installed, else of polars, else the Arrow table."""
        if find_spec("pandas") is not None:
            return self.to_pandas()
        return self.to_arrow() if find_spec("polars") is None else self.to_polars()

    def _repr_html_(self) -> str:
        """The first rows, of the columns that one reads first; texts escaped and cut."""
        from embedscope.output.notebook.summary_html import table

        whole = self.to_arrow()
        names = [name for name in _FIRST if name in whole.column_names] or whole.column_names
        rows = whole.select(names).slice(0, _N_ROWS).to_pylist()
        more = f"{whole.num_rows:,} rows; columns: {', '.join(whole.column_names)}"
        return (
            f"<div>{table(names, [[_cell(row[name]) for name in names] for row in rows])}<p>{as_text(more)}</p></div>"
        )


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ShownQueries(ShownTable, QueryTable):
    """The queries of a result, with the columns of ``queries.parquet``.

    ``documents`` holds what rows of documents stand for; ``saved`` is the Arrow table of a run that was read again.
    """

    documents: DocumentTable
    saved: Any = None

    @classmethod
    def of(cls, queries: QueryTable, documents: DocumentTable, saved: Any = None) -> ShownQueries:
        """``queries`` as a table to be shown."""
        return cls(**_values(queries, QueryTable), documents=documents, saved=saved)

    def columns(self) -> Mapping[str, Any]:
        return columns_of_queries(self, self.documents)

    def to_arrow(self) -> pa.Table:
        return ShownTable.to_arrow(self) if self.saved is None else self.saved


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ShownDocuments(ShownTable, DocumentTable):
    """The documents of a result: id, text, for how many queries it is relevant or a hard negative."""

    @classmethod
    def of(cls, documents: DocumentTable) -> ShownDocuments:
        """``documents`` as a table to be shown."""
        return cls(**_values(documents, DocumentTable))

    def columns(self) -> Mapping[str, Any]:
        return columns_of_documents(self)


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ShownPoints(ShownTable, Points):
    """The points of the maps, with the columns of ``points.parquet``; ``stage`` holds their texts and maps."""

    stage: Mapped

    @classmethod
    def of(cls, points: Points, stage: Mapped) -> ShownPoints:
        """``points`` as a table to be shown."""
        return cls(**_values(points, Points), stage=stage)

    def columns(self) -> Mapping[str, Any]:
        return point_columns(self.stage)


def _values(record: Any, kind: type) -> dict[str, Any]:
    return {each.name: getattr(record, each.name) for each in fields(kind)}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= _N_LETTERS else text[: _N_LETTERS - 1] + "…"
