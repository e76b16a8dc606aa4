"""The payload of the page of a swap of models: ``migration.json``, and the words that the other outputs have for it."""

from __future__ import annotations

from typing import Any

from embedscope.output.page.contract import MigrationPayload, PathWords
from embedscope.output.page.payload import PAGE_VERSION
from embedscope.output.path_rows import cost_cells, cost_words, path_name
from embedscope.result import Migration, MigrationPath


def migration_payload(found: Migration, report: dict[str, Any]) -> MigrationPayload:
    """What the ``report.html`` of `embedscope migrate` draws; ``report`` is the content of ``migration.json``."""
    return {
        "kind": "embedscope-migration",
        "page_version": PAGE_VERSION,
        "report": report,
        "paths": [_words(path) for path in found.paths],
        "cost": [f"{name}: {words}" for name, words in cost_words(found.cost).items()],
    }


def _words(path: MigrationPath) -> PathWords:
    texts, vectors, encodings = cost_cells(path)
    return {"name": path_name(path), "texts": texts, "vectors": vectors, "encodings": encodings}
