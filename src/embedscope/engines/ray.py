"""The pass over a corpus, and the encoding of one, on a Ray cluster (extra ``ray``).

Each shard is one task. A worker that dies takes nothing with it but the task it was at: Ray runs that task again, and
its result, an object that never changes, stands for the shard wherever it was computed. The results are merged in pairs
by shard number on the cluster, so that the numbers are those of `shards.score_shards` to the last bit, whichever worker
was first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedscope.data.places import absolute
from embedscope.data.shards import ShardFolder
from embedscope.engines.shards import (
    PartialScores,
    ShardTask,
    merge_in_pairs,
    require_all,
    score_shard,
)
from embedscope.errors import EmbedscopeError, MissingExtraError
from embedscope.protocols import Float32Array, ProgressCallback

RETRIES = 3
"""Times that a shard is done again after a worker died, before the run gives up."""

_POLL_SECONDS = 1.0

Encode = Callable[[Sequence[str]], Float32Array]
"""Texts to unit rows; made once in each actor."""


def require_ray() -> Any:
    """The module ``ray``.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError(needed_for="--engine ray", package="ray", extra="ray") from error
    return ray


@contextmanager
def connected(address: str | None = None) -> Iterator[Any]:
    """The module ``ray``, connected: to the cluster at ``address``, or to workers on this machine.

    A connection that is there already is used, and left open; one made here is closed at the end.

    Raises
    ------
    MissingExtraError
        If ray is not installed.
    EmbedscopeError
        If the cluster cannot be reached.
    """
    ray = require_ray()
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {} if address else {"include_dashboard": False}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error", configure_logging=False, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = "on this machine" if address is None else f"at '{address}'"
        raise EmbedscopeError(
            f"Ray {where} cannot be reached: {error}. Start it with: ray start --head, and pass its address as "
            f"--ray-address, or leave the option out for workers on this machine."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Scores the shards of a folder on a Ray cluster; an `shards.Engine`.

    ``address`` is that of the cluster; None starts workers on this machine, one a core. Every worker must be able to
    read the folder under the same path or URI.
    """

    address: str | None = None

    def __call__(self, folder: ShardFolder, task: ShardTask, progress: ProgressCallback | None = None) -> PartialScores:
        """As `shards.score_shards`; progress is told after every shard.

        Raises
        ------
        MissingExtraError, EmbedscopeError
            As `connected`; also if a shard's worker died ``RETRIES + 1`` times.
        DataFormatError, InvalidEmbeddingsError
            As `shards.score_shard`.
        """
        with connected(self.address) as ray:
            score = ray.remote(max_retries=RETRIES)(_score_shard)
            merge = ray.remote(max_retries=RETRIES)(PartialScores.merge)
            shared = ray.put(task)
            parts = [score.remote(shared, number) for number in range(len(folder.documents.shards))]
            whole = merge_in_pairs(parts, merge.remote)
            try:
                _watch(ray, parts, folder, progress)
                return require_all(ray.get(whole), folder)
            except ray.exceptions.RayTaskError as error:
                raise _own_error(error) from error
            except ray.exceptions.RayError as error:
                raise EmbedscopeError(f"The Ray cluster gave up: {error}") from error


def _score_shard(task: ShardTask, number: int) -> PartialScores:
    return score_shard(ShardFolder(task.where), task, number)


def _watch(ray: Any, parts: Sequence[Any], folder: ShardFolder, progress: ProgressCallback | None) -> None:
    """Tell how many documents are done, until all are."""
    number_of = {part: number for number, part in enumerate(parts)}
    waiting, done = list(parts), 0
    while waiting:
        ready, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=_POLL_SECONDS, fetch_local=False)
        done += sum(folder.documents.shards[number_of[part]].rows for part in ready)
        if progress is not None and ready:
            progress(done, folder.documents.n_rows)


def _own_error(error: Any) -> EmbedscopeError:
    """What went wrong in a worker, without the traceback of the cluster."""
    cause = error.cause
    if isinstance(cause, EmbedscopeError):
        return cause
    return EmbedscopeError(f"A Ray worker failed: {type(cause).__name__}: {cause}")


def encode_dataset(
    where: str,
    columns: Sequence[str],
    make_encoder: Callable[[], Encode],
    *,
    address: str | None = None,
    batch_size: int = 1024,
    n_actors: int | None = None,
) -> Iterator[tuple[Float32Array, dict[str, Any]]]:
    """Unit rows of the texts of a Parquet dataset, with its other columns, in the order of its rows.

    Each actor makes the encoder once and keeps it: one actor a GPU where the cluster has any, else one for every CPU
    core but one, which reads. Ray Data reads ahead no further than its memory allows, and encodes again what an actor
    that died was at.

    Parameters
    ----------
    where : str
        A local path or URI of a Parquet file or folder.
    columns : sequence of str
        Columns to read; the first one holds the texts.
    make_encoder : callable
        Makes what turns texts into unit rows; is sent to the actors.
    address : str, optional
        As `connected`.
    batch_size : int
        Texts handed to an actor at a time.
    n_actors : int, optional

    Raises
    ------
    MissingExtraError, EmbedscopeError
        As `connected`.
    """
    text = columns[0]

    class Actor:
        def __init__(self) -> None:
            self._encode = make_encoder()

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            vectors = self._encode([str(value) for value in batch[text]])
            return {**batch, _VECTORS: vectors}

    with connected(address) as ray:
        actors, share = _actors(ray.cluster_resources(), n_actors)
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        rows = ray.data.read_parquet(absolute(where), columns=list(columns))
        encoded = rows.map_batches(Actor, batch_size=batch_size, concurrency=actors, **share)
        for batch in encoded.iter_batches(batch_size=batch_size, batch_format="numpy"):
            yield np.asarray(batch.pop(_VECTORS), dtype=np.float32), batch


_VECTORS = "__embedscope_vectors__"


def _actors(resources: Mapping[str, float], wanted: int | None) -> tuple[int, dict[str, float]]:
    """How many actors, and what each of them takes of a node.

    Without a GPU one core is left to the tasks that read the files: actors on every core would wait for texts that
    nobody reads.
    """
    n_gpus, n_cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
    if n_gpus:
        return wanted or n_gpus, {"num_gpus": 1, "num_cpus": 0}
    return min(wanted or n_cores, max(1, n_cores - 1)), {"num_cpus": 1 if n_cores > 1 else 0.5}
