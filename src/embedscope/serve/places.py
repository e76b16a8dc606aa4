"""Where a query that was typed in belongs on the maps of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedscope.errors import DataFormatError
from embedscope.maps.placement import N_PLACING, around_medoid
from embedscope.protocols import Float32Array, Float64Array, IntArray
from embedscope.result import MAP_NAMES
from embedscope.untrusted.arrow_tables import open_table

_FILE = "points.parquet"


@dataclass(frozen=True, eq=False)
class MapPlaces:
    """The points of the maps, M of them, each a row among queries and then documents."""

    of_point: IntArray  # (M,) a query, or the number of queries plus a document
    maps: Mapping[str, Float64Array]  # (M, 2) by name of the map

    @classmethod
    def read(cls, folder: Path, query_ids: Sequence[str], document_ids: Sequence[str]) -> MapPlaces | None:
        """The maps of the run in ``folder``; None where it has none.

        Raises
        ------
        DataFormatError
            If the file of the points cannot be read, or names what the data set does not have.
        """
        path = folder / _FILE
        if not path.is_file():
            return None
        try:
            with open_table(path) as table:
                names = [name for name in MAP_NAMES if f"{name}_x" in table.schema.names]
                wanted = ["id", "role", *(f"{name}_{axis}" for name in names for axis in "xy")]
                columns = table.columns(wanted).to_pydict()
            queries = {name: row for row, name in enumerate(query_ids)}
            documents = {name: len(queries) + row for row, name in enumerate(document_ids)}
            of_point = [
                (queries if role == "query" else documents)[name]
                for name, role in zip(columns["id"], columns["role"], strict=True)
            ]
        except (OSError, LookupError, TypeError, ValueError, DataFormatError) as error:
            raise DataFormatError(f"{path} does not hold the points of this run ({error}). Run it again.") from error
        maps = {name: np.array([columns[f"{name}_x"], columns[f"{name}_y"]], dtype=np.float64).T for name in names}
        return cls(np.array(of_point, dtype=np.int64), maps)

    def around(self, similarity: Float32Array) -> dict[str, list[float]]:
        """The place on each map by the similarity (Q + N,) to every query and document, as `maps.placement` has it."""
        own = similarity[self.of_point]
        n = min(N_PLACING, len(own))
        near = np.argpartition(-own, n - 1)[:n]
        near = near[np.argsort(-own[near], kind="stable")]
        return {name: around_medoid(xy[near][np.newaxis])[0].tolist() for name, xy in self.maps.items() if len(near)}
