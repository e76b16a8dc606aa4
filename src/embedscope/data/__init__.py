"""Data sets in, run folders out: queries, documents and judgments with their identity decided once."""

from embedscope.data.arrow_columns import Ragged
from embedscope.data.collection import (
    Collection,
    Negative,
    Negatives,
    Row,
    build_collection,
    build_judged_collection,
    digest,
    identity,
    sample_queries,
)
from embedscope.data.readers import read_collection
from embedscope.data.run_folder import check_writable, manifest, sha256_of, staged_output, write_json, write_parquet

__all__ = [
    "Collection",
    "Negative",
    "Negatives",
    "Ragged",
    "Row",
    "build_collection",
    "build_judged_collection",
    "check_writable",
    "digest",
    "identity",
    "manifest",
    "read_collection",
    "sample_queries",
    "sha256_of",
    "staged_output",
    "write_json",
    "write_parquet",
]
