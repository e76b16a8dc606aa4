"""Two Ray workers on this machine, and one of them killed while it works."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers on this machine, as a user of ``--engine ray`` without an address has them on two cores."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


def descendants() -> set[int]:
    """Processes that this one has started, and those that they have: other Ray sessions of the machine are not ours."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(place.parent.name)] = int(place.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def workers_at(task: str) -> list[int]:
    """Our processes that run a Ray task of this name now: Ray writes it where the command line stands."""
    found = []
    for process in descendants():
        try:
            if Path(f"/proc/{process}/cmdline").read_bytes().startswith(f"ray::{task}".encode()):
                found.append(process)
        except OSError:
            continue
    return found


@contextmanager
def one_worker_killed(task: str) -> Iterator[list[int]]:
    """Meanwhile, wait until a worker is at work and end its process the hard way; the process, once it is ended."""
    killed: list[int] = []
    stop = threading.Event()

    def kill() -> None:
        while not killed and not stop.is_set():
            for process in workers_at(task)[:1]:
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        stop.set()
        killer.join()
