"""Read broken files of every kind; each is read, or refused with one message, and nothing else.

``python -m tools.fuzz`` looks at every kind for a minute; ``--seconds 600``, ``--inputs 2000``, ``--seed 1``,
``--jobs 2`` and names of kinds change that. A kind has a process of its own. An input that raises anything else, takes
more than five seconds or a gibibyte, or ends the process is a fault: it is kept, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import faulthandler
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MOST_SILENT_SECONDS = 120
"""After which an input that does not end is taken for one that never does."""


def main() -> int:
    """Look at each kind for a while; the exit status is 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help="kinds of files (all)")
    parser.add_argument("--seconds", type=float, default=60, help="time for each kind (60)")
    parser.add_argument("--inputs", type=int, default=None, help="number of inputs for each kind, in place of a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="kinds looked at side by side (1)")
    parser.add_argument("--scene", type=Path, help=argparse.SUPPRESS)  # folder for the one kind, in this process
    chosen = parser.parse_args()
    if chosen.scene is not None:
        return _look_at(chosen.kinds[0], chosen.scene, chosen.seconds, chosen.inputs, chosen.seed)
    words = [*map(str, ("--seconds", chosen.seconds, "--seed", chosen.seed))]
    words += [] if chosen.inputs is None else ["--inputs", str(chosen.inputs)]
    with ThreadPoolExecutor(chosen.jobs) as pool:
        statuses = list(pool.map(lambda kind: _status_of(kind, words), chosen.kinds or _kinds()))
    return int(any(statuses))


def _kinds() -> list[str]:
    from tools.fuzz.kinds import makers

    return list(makers())


def _status_of(kind: str, words: list[str]) -> int:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    scene = tempfile.mkdtemp(prefix=f"embedscope-fuzz-{kind.replace(' ', '-')}-")
    status = subprocess.run(
        [sys.executable, "-m", "tools.fuzz", kind, *words, "--scene", scene],
        env={**os.environ, **threads, "HF_HUB_OFFLINE": "1"},
    ).returncode
    if status not in (0, 1):
        print(f"{kind}: the process ended with status {status}; its last input is in {scene}", flush=True)
    else:
        shutil.rmtree(scene, ignore_errors=True)
    return status


def _look_at(kind: str, scene: Path, seconds: float, n_inputs: int | None, seed: int) -> int:
    from tools.fuzz.kinds import makers
    from tools.fuzz.looking import look

    subjects = makers()[kind](scene)
    for i, subject in enumerate(subjects):
        subject.read(subject.write(scene / f"whole-{i}", subject.files))
    draw, n, n_faults = random.Random(f"{kind} {seed}"), 0, 0  # noqa: S311 - no secret is drawn
    started = time.monotonic()
    end = math.inf if n_inputs is not None else started + seconds
    while n < (math.inf if n_inputs is None else n_inputs) and time.monotonic() < end:
        n += 1
        faulthandler.dump_traceback_later(MOST_SILENT_SECONDS, exit=True)
        try:
            look(draw.choice(subjects), draw, scene / "broken")
        except Exception:
            n_faults += 1
            kept = Path(tempfile.mkdtemp(prefix=f"{scene.name}-"))
            shutil.copytree(scene / "broken", kept, dirs_exist_ok=True)
            traceback.print_exc(limit=-3)
            print(f"kept in {kept}", flush=True)
    faulthandler.cancel_dump_traceback_later()
    rate = n / (time.monotonic() - started)
    print(f"{kind}: {n:,} inputs, {n_faults} faults ({rate:,.0f} a second)", flush=True)
    return int(n_faults > 0)


if __name__ == "__main__":
    sys.exit(main())
