"""What becomes of the index in production where one model takes the place of another.

OLD, NEW ──► model_swap ──► space_adapters, index_parts ──► serving_paths ──► swap_cost ──► advice ──► Migration
"""

from __future__ import annotations

from embedscope.migration.migrating import migrate

__all__ = ["migrate"]
