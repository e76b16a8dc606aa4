"""Texts encoded in parts: by a model in this process, or by actors of a Ray cluster with a model each (extra ``ray``).

A part is the same texts in the same order whoever encodes it, and one call of `encode_texts` with as many threads: the
vectors of a cluster are those of one process to the last bit, on processors of one kind. What is encoded already, and
which texts are equal, is decided here and not by the actors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from embedscope.machine import is_counted_as_gpu, require_torch
from embedscope.models.embed import encode_texts
from embedscope.protocols import Encoder, Float32Array
from embedscope.scale.ray_engine import RETRIES, connected, own_error
from embedscope.settings import Device, EngineSettings

PART_BATCHES = 4
"""Batches of a part: enough that handing it to an actor costs nothing beside encoding it."""

PARTS_A_CALL = 128
"""Parts among which the actors of a cluster share the texts of one call, and so the most actors that have work."""

PARTS_AN_ACTOR = 2
"""Parts that an actor holds: one at work, one that waits so that the actor does not."""

EncodePart = Callable[[Sequence[str], int, str], Float32Array]
"""Texts, the batch size and the prompt to pooled vectors of shape (n, dim), float32; not normalised."""

EncodeParts = Callable[[Iterable[Sequence[str]], int, str], Iterator[Float32Array]]
"""The same for several parts, in their order."""


@dataclass(frozen=True, slots=True, eq=False)
class PartsEncoder:
    """An `Encoder` of the vectors of ``inner``, whose texts are encoded in parts of ``PART_BATCHES`` batches.

    ``n_parallel`` is how many batches `encode_texts` hands it at a time.
    """

    inner: Encoder
    encode_parts: EncodeParts
    n_parallel: int
    prompt: str = ""

    @property
    def fingerprint(self) -> str:
        """That of ``inner``, whose vectors they are."""
        return self.inner.fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.inner.dim

    def with_prompt(self, prompt: str) -> PartsEncoder:
        """The same encoder with ``prompt`` before each text."""
        inner: Any = self.inner
        return replace(self, inner=inner.with_prompt(prompt), prompt=prompt)

    def encode(self, texts: Sequence[str], *, batch_size: int) -> Float32Array:
        """Pooled vectors of shape (len(texts), dim), float32, in the order of ``texts``; not normalised."""
        size = batch_size * PART_BATCHES
        parts = (texts[start : start + size] for start in range(0, len(texts), size))
        return np.concatenate([np.empty((0, self.dim), np.float32), *self.encode_parts(parts, batch_size, self.prompt)])


def encode_part(encoder: Encoder) -> EncodePart:
    """Encodes a part with ``encoder``, which has no prompt yet."""

    def encode(texts: Sequence[str], batch_size: int, prompt: str) -> Float32Array:
        return encode_texts(texts, encoder, batch_size=batch_size, prompt=prompt).vectors

    return encode


def in_parts(encoder: Encoder) -> Encoder:
    """``encoder``, which works in this process, in the parts of a cluster; an endpoint's has parts of its own."""
    if hasattr(encoder, "n_parallel"):
        return encoder
    encode = encode_part(encoder)

    def encode_parts(parts: Iterable[Sequence[str]], batch_size: int, prompt: str) -> Iterator[Float32Array]:
        return (encode(part, batch_size, prompt) for part in parts)

    return PartsEncoder(encoder, encode_parts, PART_BATCHES)


class EncodingCluster:
    """Actors on a Ray cluster, each with a model; they start with the first text and end with the block.

    There are as many actors as have work, between ``--ray-min-workers`` and ``--ray-max-workers``. One that no node has
    room for is a demand that Ray's autoscaler sees; it is given texts once it runs. An actor that dies is started
    again, elsewhere if need be, and so is its work.

    The object store holds the texts of at most ``PARTS_AN_ACTOR`` parts an actor and the vectors of as many: a part is
    handed out when an actor is free, and its vectors are taken out as they come.

    Parameters
    ----------
    make : callable
        Makes what encodes a part; is sent to the actors, and called once in each.
    engine : EngineSettings
        Where the cluster is, and its least and greatest number of actors.
    device : Device
        For ``cuda`` an actor takes a GPU, also where the cluster has none yet.
    """

    def __init__(self, make: Callable[[], EncodePart], engine: EngineSettings, device: Device = Device.AUTO) -> None:
        self._make, self._engine, self._device = make, engine, device
        self._open = ExitStack()
        self._ray: Any = None
        self._n_threads = 1  # and cores of an actor without a GPU
        self._starting: dict[Any, Any] = {}  # actors by what says that they run
        self._load: dict[Any, int] = {}  # parts that each running actor holds

    def __enter__(self) -> EncodingCluster:
        return self

    def __exit__(self, *_: object) -> None:
        for actor in (*self._starting.values(), *self._load):
            self._ray.kill(actor, no_restart=True)
        self._open.close()

    def __call__(self, parts: Iterable[Sequence[str]], batch_size: int, prompt: str) -> Iterator[Float32Array]:
        """The vectors of each part, in the order of the parts; an `EncodeParts`.

        Raises
        ------
        MissingExtraError, EmbedscopeError
            As `ray_engine.connected`; if the actors of a part died ``RETRIES + 1`` times; and what an actor raises.
        """
        if self._ray is None:
            self._ray = self._open.enter_context(connected(self._engine.ray_address))
            self._n_threads = _threads(self._ray)
        try:
            yield from self._encode_all(list(parts), batch_size, prompt)
        except self._ray.exceptions.RayError as error:
            raise own_error(error) from error

    def _encode_all(self, parts: Sequence[Sequence[str]], batch_size: int, prompt: str) -> Iterator[Float32Array]:
        at_work: dict[Any, tuple[int, Any]] = {}  # number of the part, and its actor
        found: dict[int, Float32Array] = {}
        n_handed_out = 0
        for number in count() if parts else ():
            while number not in found:
                while n_handed_out < len(parts) and (actor := self._free_actor()) is not None:
                    self._load[actor] += 1
                    receipt = actor.encode.remote(parts[n_handed_out], batch_size, prompt)
                    at_work[receipt] = n_handed_out, actor
                    n_handed_out += 1
                self._start(len(parts) - n_handed_out)
                for receipt in self._ray.wait([*at_work, *self._starting], num_returns=1)[0]:
                    vectors = self._ray.get(receipt)
                    if receipt in self._starting:
                        self._load[self._starting.pop(receipt)] = 0
                        continue
                    done, actor = at_work.pop(receipt)
                    self._load[actor] -= 1
                    found[done] = vectors
                del receipt  # the last name of an object keeps it in the object store
            yield found.pop(number)
            if number == len(parts) - 1:
                return

    def _free_actor(self) -> Any:
        """The running actor that holds the fewest parts; None if all hold ``PARTS_AN_ACTOR``."""
        actor = min(self._load, key=self._load.__getitem__, default=None)
        return actor if actor is not None and self._load[actor] < PARTS_AN_ACTOR else None

    def _start(self, n_waiting: int) -> None:
        """Ask for as many actors as the waiting parts are work for."""
        found = self._ray.cluster_resources()
        fewest, most, share = workers_and_share(found, self._engine, self._device, self._n_threads)
        n_actors = len(self._starting) + len(self._load)
        wanted = len(self._load) + -(-n_waiting // PARTS_AN_ACTOR)
        for _ in range(n_actors, min(most, max(fewest, wanted))):
            options = {**share, "max_restarts": -1, "max_task_retries": RETRIES}
            actor = self._ray.remote(_EncodingActor).options(**options).remote(self._make)
            self._starting[actor.start.remote()] = actor


class _EncodingActor:
    """Holds the model. It is made by the first call, whose exceptions come back as they are, unlike a constructor's."""

    def __init__(self, make: Callable[[], EncodePart]) -> None:
        self._make = make
        self._encode: EncodePart | None = None

    def start(self) -> None:
        """Make the model; returns when texts can be encoded."""
        self._encode = self._make()

    def encode(self, texts: Sequence[str], batch_size: int, prompt: str) -> Float32Array:
        if self._encode is None:  # started again after a death
            self.start()
        assert self._encode is not None  # noqa: S101 - start has set it
        return self._encode(texts, batch_size, prompt)


def workers_and_share(
    resources: Mapping[str, float], engine: EngineSettings, device: Device = Device.AUTO, n_threads: int = 1
) -> tuple[int, int, dict[str, float]]:
    """The least and the greatest number of actors, and what each takes of a node.

    An actor takes a GPU where the cluster has any or ``device`` is ``cuda``, else ``n_threads`` cores, which Ray makes
    the number of its threads. Unless stated the most are as many as there is room for now, and the fewest are one.
    """
    n_gpus, n_cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
    on_gpu = n_gpus > 0 if device is Device.AUTO else is_counted_as_gpu(device)
    n_fitting = n_gpus if on_gpu else n_cores // n_threads
    most = engine.ray_max_workers or max(1, n_fitting, engine.ray_min_workers or 0)
    return engine.ray_min_workers or 1, most, {"num_gpus": 1, "num_cpus": 0} if on_gpu else {"num_cpus": n_threads}


def _threads(ray: Any) -> int:
    """Threads of torch in this process, at most as many as a node has cores: other numbers of them round differently.

    ``OMP_NUM_THREADS`` says how many they are.
    """
    require_torch()
    import torch

    largest = max(int(node["Resources"].get("CPU", 1)) for node in ray.nodes() if node["Alive"])
    return max(1, min(torch.get_num_threads(), largest))
