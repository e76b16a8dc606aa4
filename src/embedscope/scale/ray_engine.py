"""The pass over a corpus on a Ray cluster (extra ``ray``).

Each shard is one task. A worker that dies takes nothing with it but the task it was at: Ray runs that task again, and
its result, an object that never changes, stands for the shard wherever it was computed. The results are merged on the
cluster in the order of `shards.merge_in_groups`: the numbers are those of `shards.score_shards` to the last bit,
whichever worker was first. This process holds none of them but the last; it hands out few more tasks than there are
cores, so that the results that wait to be merged are few however many shards there are.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from embedscope.errors import EmbedscopeError, importing
from embedscope.protocols import ProgressCallback
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_pass import PartialScores, ShardTask, merge_in_groups, require_all, score_shard

RETRIES = 3
"""Times that a shard is done again after a worker died, before the run gives up."""

_ANSWERS_S = 10.0
"""Seconds within which a cluster takes a connection."""

_TASKS_A_CORE = 2
"""Shards and merges handed out for every core of the cluster: one at work, one that waits so that no core does."""


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
    with importing("ray", needed_for="--engine ray", extra="ray"):
        import ray
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"logging_level": "error"} | ({} if address else {"include_dashboard": False})
    try:
        if address is not None:
            require_listening(address)
        ray.init(address=address, log_to_driver=False, configure_logging=False, **options)
    except (OSError, ValueError, RuntimeError) as error:
        where = "on this machine" if address is None else f"at '{address}'"
        raise EmbedscopeError(
            f"Ray {where} cannot be reached: {error}. Start it with: ray start --head, and pass its address as "
            f"--ray-address, or leave the option out for workers on this machine."
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def require_listening(address: str) -> None:
    """Raise ``OSError`` where nothing listens at ``address``, a HOST:PORT: Ray itself would go on asking for minutes.

    ``auto`` and URIs are left to Ray.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host and int(port) < 1 << 16:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_S).close()


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Scores the shards of a folder on a Ray cluster; an `shards.Engine`.

    ``address`` is that of the cluster; None starts workers on this machine, one a core. Every worker must be able to
    read the folder under the same path or URI.

    A task that waits for a core is a demand that Ray's autoscaler sees. ``most_workers`` is how many shards and merges
    are handed out at a time, by default two for each core that the cluster has then; ``fewest_workers`` is a number of
    cores that the autoscaler is asked for at once, while the pass takes.
    """

    address: str | None = None
    fewest_workers: int | None = None
    most_workers: int | None = None

    def __call__(self, folder: ShardFolder, task: ShardTask, progress: ProgressCallback | None = None) -> PartialScores:
        """As `shards.score_shards`; progress is told after every shard.

        Raises
        ------
        MissingExtraError, EmbedscopeError
            As `connected`; also if a shard's worker died ``RETRIES + 1`` times.
        DataFormatError, InvalidEmbeddingsError
            As `shards.score_shard`.
        """
        with connected(self.address) as ray, _cores_asked_for(self.fewest_workers):
            try:
                return require_all(_score_all(ray, folder, task, progress, self.most_workers), folder)
            except ray.exceptions.RayTaskError as error:
                raise own_error(error) from error
            except ray.exceptions.RayError as error:
                raise EmbedscopeError(f"The Ray cluster gave up: {error}") from error


@contextmanager
def _cores_asked_for(n_cores: int | None) -> Iterator[None]:
    """Meanwhile the autoscaler is asked for ``n_cores``; a cluster without one takes no notice."""
    if n_cores is None:
        yield
        return
    from ray.autoscaler.sdk import request_resources

    request_resources(num_cpus=n_cores)
    try:
        yield
    finally:
        request_resources(num_cpus=0)


def _score_all(
    ray: Any, folder: ShardFolder, task: ShardTask, progress: ProgressCallback | None, most: int | None
) -> PartialScores:
    """The shards handed out and merged; the first failure stops what has not begun."""
    score = ray.remote(max_retries=RETRIES, num_returns=2)(_score_shard)
    merge = ray.remote(max_retries=RETRIES, num_returns=2)(_merge)
    shared = ray.put((folder, task))
    shards = folder.documents.shards
    work = _Work(ray, folder.documents.n_rows, progress, most)

    def scored() -> Iterator[Any]:
        for number, shard in enumerate(shards):
            part, receipt = score.remote(shared, number)
            work.add(receipt, shard.rows)
            yield part

    def merged(left: Any, right: Any) -> Any:
        whole, receipt = merge.remote(left, right)
        work.add(receipt)
        return whole

    try:
        whole = merge_in_groups(scored(), len(shards), merged)
        work.finish()
        found: PartialScores = ray.get(whole)
        return found
    finally:
        work.cancel()


class _Work:
    """Tasks that are handed out and not known to be done.

    What is kept of a task is its receipt, a second result of a few bytes. Its first one belongs to the task that merges
    it, and leaves the cluster's memory when that is done.
    """

    def __init__(self, ray: Any, n_documents: int, progress: ProgressCallback | None, most: int | None = None) -> None:
        self._ray, self._n_documents, self._progress, self._most = ray, n_documents, progress, most
        self._rows_of: dict[Any, int] = {}
        self._n_done = 0

    def add(self, receipt: Any, n_rows: int = 0) -> None:
        """A task of so many documents was handed out; returns when another one may be."""
        self._rows_of[receipt] = n_rows
        while len(self._rows_of) >= self._limit():
            self._wait()

    def finish(self) -> None:
        """Return when all tasks are done."""
        while self._rows_of:
            self._wait()

    def cancel(self) -> None:
        """Take back what is still to be done."""
        for receipt in self._rows_of:
            self._ray.cancel(receipt)

    def _limit(self) -> int:
        """As many tasks as were asked for, or two for each core that the cluster has now: it may grow."""
        return self._most or _TASKS_A_CORE * max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _wait(self) -> None:
        """Take note of what is done, one task at least; what a task raised is raised here."""
        waiting = list(self._rows_of)
        ready, _ = self._ray.wait(waiting, num_returns=1)
        more, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        rows = sum(self._rows_of.pop(receipt) for receipt in {*ready, *more})
        self._ray.get([*{*ready, *more}])
        self._n_done += rows
        if self._progress is not None and rows:
            self._progress(self._n_done, self._n_documents)


def _score_shard(shared: tuple[ShardFolder, ShardTask], number: int) -> tuple[PartialScores, None]:
    folder, task = shared
    return score_shard(folder, task, number), None


def _merge(left: PartialScores, right: PartialScores) -> tuple[PartialScores, None]:
    return left.merge(right), None


def own_error(error: BaseException) -> EmbedscopeError:
    """What went wrong in a worker, without the traceback of the cluster."""
    cause: BaseException = error
    while not isinstance(cause, EmbedscopeError) or hasattr(cause, "cause"):  # what Ray raises is of both classes
        deeper = getattr(cause, "cause", None) or cause.__cause__
        if not isinstance(deeper, BaseException):
            return EmbedscopeError(f"A Ray worker failed: {type(cause).__name__}: {cause}")
        cause = deeper
    return cause
