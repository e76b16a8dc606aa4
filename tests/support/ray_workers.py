"""Two Ray workers on this machine, and one of them killed while it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers on this machine, as a user of ``--engine ray`` without an address has them on two cores."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield
    ray.shutdown()


def workers_at(task: str) -> list[psutil.Process]:
    """Our processes that run a Ray task of this name now: Ray writes it where the command line stands."""
    found = []
    for process in psutil.Process().children(recursive=True):  # other Ray sessions of the machine are not ours
        with suppress(psutil.Error):
            if "".join(process.cmdline()[:1]).startswith(f"ray::{task}"):
                found.append(process)
    return found


@contextmanager
def one_worker_killed(task: str) -> Iterator[list[int]]:
    """Meanwhile, wait until a worker is at work and end its process the hard way; the process, once it is ended."""
    killed: list[int] = []
    stop = threading.Event()

    def kill() -> None:
        while not killed and not stop.is_set():
            for process in workers_at(task)[:1]:
                process.kill()
                killed.append(process.pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield killed
    finally:
        stop.set()
        killer.join()
