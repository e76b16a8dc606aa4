"""A few rows of the sample data as a data set of its own, for quick runs: a sample of queries keeps all documents."""

from __future__ import annotations

import json
from pathlib import Path

from embedscope.data.sample import sample_path


def first_rows(n: int, folder: Path) -> Path:
    """The first ``n`` rows of the largest split, written into ``folder``."""
    rows = json.loads(sample_path("train").read_text(encoding="utf-8"))[:n]
    file = folder / "rows.json"
    file.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return file
