"""``embedscope shard``: vectors, judgments and texts into a shard folder, which may be larger than memory."""

from __future__ import annotations

import time

from embedscope.cli.ending import terminal_of
from embedscope.result.formatting import count
from embedscope.scale.sharding import shard
from embedscope.settings import EngineSettings, Settings, ShardSettings


def run(settings: Settings, chosen: ShardSettings, engine: EngineSettings) -> int:
    """Write the folder and print what it holds; the exit status."""
    started = time.perf_counter()
    terminal = terminal_of(settings)
    made = shard(settings, chosen, engine, terminal)
    n_bytes = sum(shard.bytes for side in (made.queries, made.documents) for shard in side.shards)
    terminal.step(
        f"{settings.output.output}: {made.queries.n_rows:,} queries and {made.documents.n_rows:,} documents of "
        f"{made.dim} dimensions, {made.dtype}, {n_bytes / 1e6:,.1f} MB in {count(len(made.documents.shards), 'shard')} "
        f"of documents, in {time.perf_counter() - started:.1f} s"
    )
    return 0
