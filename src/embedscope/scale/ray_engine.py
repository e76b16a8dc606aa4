"""The pass over a corpus, and the encoding of one, on a Ray cluster (extra ``ray``).

Each shard is one task. A worker that dies takes nothing with it but the task it was at: Ray runs that task again, and
its result, an object that never changes, stands for the shard wherever it was computed. The results are merged on the
cluster in the order of `shards.merge_in_groups`: the numbers are those of `shards.score_shards` to the last bit,
whichever worker was first. This process holds none of them but the last; it hands out few more tasks than there are
cores, so that the results that wait to be merged are few however many shards there are.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from embedscope.data.arrow_vectors import matrix_of, vector_column
from embedscope.errors import EmbedscopeError, importing
from embedscope.protocols import Float32Array, ProgressCallback
from embedscope.scale.parquet_corpus import Batch, strings_of
from embedscope.scale.remote_storage import absolute
from embedscope.scale.shard_folder import ShardFolder
from embedscope.scale.shard_pass import PartialScores, ShardTask, merge_in_groups, require_all, score_shard

RETRIES = 3
"""Times that a shard is done again after a worker died, before the run gives up."""

_TASKS_A_CORE = 2
"""Shards and merges handed out for every core of the cluster: one at work, one that waits so that no core does."""

Encode = Callable[[Sequence[str]], Float32Array]
"""Texts to unit rows; made once in each actor."""


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
        ray.init(address=address, log_to_driver=False, configure_logging=False, **options)
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
            try:
                return require_all(_score_all(ray, folder, task, progress), folder)
            except ray.exceptions.RayTaskError as error:
                raise _own_error(error) from error
            except ray.exceptions.RayError as error:
                raise EmbedscopeError(f"The Ray cluster gave up: {error}") from error


def _score_all(ray: Any, folder: ShardFolder, task: ShardTask, progress: ProgressCallback | None) -> PartialScores:
    """The shards handed out and merged; the first failure stops what has not begun."""
    score = ray.remote(max_retries=RETRIES, num_returns=2)(_score_shard)
    merge = ray.remote(max_retries=RETRIES, num_returns=2)(_merge)
    shared = ray.put((folder, task))
    shards = folder.documents.shards
    work = _Work(ray, folder.documents.n_rows, progress)

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

    def __init__(self, ray: Any, n_documents: int, progress: ProgressCallback | None) -> None:
        self._ray, self._n_documents, self._progress = ray, n_documents, progress
        self._rows_of: dict[Any, int] = {}
        self._n_done = 0

    def add(self, receipt: Any, n_rows: int = 0) -> None:
        """A task of so many documents was handed out; returns when another one may be."""
        self._rows_of[receipt] = n_rows
        while len(self._rows_of) >= _TASKS_A_CORE * max(1, int(self._ray.cluster_resources().get("CPU", 1))):
            self._wait()

    def finish(self) -> None:
        """Return when all tasks are done."""
        while self._rows_of:
            self._wait()

    def cancel(self) -> None:
        """Take back what is still to be done."""
        for receipt in self._rows_of:
            self._ray.cancel(receipt)

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


def _own_error(error: BaseException) -> EmbedscopeError:
    """What went wrong in a worker, without the traceback of the cluster."""
    cause: BaseException = error
    while not isinstance(cause, EmbedscopeError):
        deeper = getattr(cause, "cause", None) or cause.__cause__
        if not isinstance(deeper, BaseException):
            return EmbedscopeError(f"A Ray worker failed: {type(cause).__name__}: {cause}")
        cause = deeper
    return cause


def encode_dataset(
    where: str,
    make_encoder: Callable[[], Encode],
    *,
    id_column: str,
    text_column: str,
    address: str | None = None,
    batch_size: int = 1024,
) -> Iterator[Batch]:
    """The rows of a Parquet dataset with unit vectors of their texts, in the order of the dataset.

    Each actor makes the encoder once and keeps it: one actor a GPU where the cluster has any, else one for every CPU
    core but one, which reads. Ray Data reads ahead no further than its memory allows, and encodes again what an actor
    that died was at.

    Parameters
    ----------
    where : str
        A local path or URI of a Parquet file or folder.
    make_encoder : callable
        Makes what turns texts into unit rows; is sent to the actors.
    address : str, optional
        As `connected`.
    batch_size : int
        Texts handed to an actor at a time.

    Raises
    ------
    MissingExtraError, EmbedscopeError
        As `connected`; also if an actor fails.
    DataFormatError
        If an id or a text is missing.
    """
    place = absolute(where)
    with connected(address) as ray:
        actors, share = _actors(ray.cluster_resources())
        rows = ray.data.read_parquet(place, columns=[id_column, text_column])
        encoded = rows.map_batches(
            _EncodingActor,
            fn_constructor_args=(make_encoder, where, text_column),
            batch_format="pyarrow",
            batch_size=batch_size,
            compute=ray.data.ActorPoolStrategy(size=actors),
            **share,
        )
        for dataset in (rows, encoded):  # and not the context that every dataset of this process starts from
            dataset.context.execution_options.preserve_order = True
            dataset.context.enable_progress_bars = False
        try:
            for table in encoded.iter_batches(batch_size=batch_size, batch_format="pyarrow"):
                _raise_first(table)
                yield Batch(
                    strings_of(table, id_column, where),
                    strings_of(table, text_column, where),
                    matrix_of(table.column(_VECTORS), name=_VECTORS, place=where),
                )
        except ray.exceptions.RayError as error:
            raise _own_error(error) from error


class _EncodingActor:
    """Holds the model, and puts the vectors of a batch of texts beside them."""

    def __init__(self, make_encoder: Callable[[], Encode], where: str, text_column: str) -> None:
        self._encode, self._where, self._column = make_encoder(), where, text_column

    def __call__(self, table: Any) -> Any:
        import pyarrow as pa

        error, vectors = None, pa.nulls(len(table), pa.list_(pa.float32()))
        try:
            vectors = vector_column(self._encode(strings_of(table, self._column, self._where))).cast(vectors.type)
        except EmbedscopeError as caught:  # as a value: an exception would come back as a text with a traceback
            error = pickle.dumps(caught)
        errors = pa.array([error] * len(table), pa.binary())
        return table.append_column(_VECTORS, vectors).append_column(_ERROR, errors)


_VECTORS, _ERROR = "__embedscope_vectors__", "__embedscope_error__"


def _raise_first(table: Any) -> None:
    """Raise what an actor met, if it met anything."""
    found = table.column(_ERROR).drop_null()
    if len(found):
        error: EmbedscopeError = pickle.loads(found[0].as_py())  # noqa: S301 - our own actors wrote it
        raise error


def _actors(resources: Mapping[str, float]) -> tuple[int, dict[str, float]]:
    """How many actors, and what each of them takes of a node.

    Without a GPU one core is left to the tasks that read the files: actors on every core would wait for texts that
    nobody reads.
    """
    n_gpus, n_cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
    if n_gpus:
        return n_gpus, {"num_gpus": 1, "num_cpus": 0}
    return max(1, n_cores - 1), {"num_cpus": 1 if n_cores > 1 else 0.5}
