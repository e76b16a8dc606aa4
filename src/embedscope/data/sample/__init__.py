"""Sample data that comes with the package: room rentals, in Vietnamese and English, in the original JSON format.

The files are written by `tools/sample_data`; nobody has to run it to use them.
"""

from __future__ import annotations

from pathlib import Path

from embedscope.errors import InvalidOptionError

SPLITS = ("train", "valid", "test")


def sample_path(split: str = "test") -> Path:
    """Path of the sample file of a split: "train" (720 rows), "valid" (180) or "test" (300).

    Raises InvalidOptionError if there is no such split.
    """
    if split not in SPLITS:
        raise InvalidOptionError(f"the sample data has the splits {', '.join(SPLITS)}, not '{split}'.")
    return Path(__file__).parent / f"rental_{split}.json"


__all__ = ["SPLITS", "sample_path"]
