"""What a run costs before it does any work: imports, and the loops that Numba compiles on a new machine.

Claims, in seconds of processor (user and system) of a process of its own, so that a busy neighbour counts for little:

- the imports of each command, beside ``import numpy, scipy.sparse, scipy.special``, which every command needs;
- the first ``visualize`` on a machine, which compiles the loops of the maps, beside the second, which loads them.

    PYTHONPATH=src python benchmarks/start_up.py
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from embedscope.cli.demo_command import write_packaged
from embedscope.data.sample import sample_path
from measuring import Claim, alternate, argument_parser, publish

BARE = "import numpy, scipy.sparse, scipy.special"
COMMANDS = ("evaluate", "compare", "train", "audit", "report", "serve")
TIMES_BARE = 2.5
TIMES_SECOND = 1.25


def processor_s() -> float:
    """Seconds of processor of the children that are over, user and system."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def python(*words: str, **environment: str) -> None:
    """A process of this Python, silent; caches of bytecode are written, as they are on installation."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(
        [sys.executable, *words],
        env={**own, "HF_HUB_OFFLINE": "1", **environment},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def imports(repeats: int) -> list[Claim]:
    """The imports of `COMMANDS`, beside the bare ones."""

    def importing(statement: str) -> Callable[[], None]:
        return lambda: python("-c", statement)

    modules = {f"imports of {name}": importing(f"import embedscope.cli.{name}_command") for name in COMMANDS}
    modules["imports of evaluate"] = importing("import embedscope.cli.evaluate_command, embedscope.pipeline")  # later
    rounds = alternate({**modules, BARE: importing(BARE)}, repeats=repeats, clock=processor_s)
    return [
        Claim(
            claim=f"processor seconds of the {label}",
            ours=rounds.timing(label),
            target=f"at most {TIMES_BARE:g} times the bare imports",
            met=rounds.ratio(label, to=BARE) <= TIMES_BARE,
            peers=(rounds.peer(BARE, ours=label),),
        )
        for label in modules
    ]


def first_run(repeats: int) -> Claim:
    """``visualize`` on the packaged vectors with no loop on disk, and with those that it left there."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        vectors = write_packaged(folder / "vectors")[1]
        words = (
            "-m",
            "embedscope",
            "visualize",
            "--embeddings",
            vectors,
            "--data",
            str(sample_path("test")),
            "--quiet",
        )
        n_runs = 0

        def run(kept: Path) -> None:
            nonlocal n_runs
            n_runs += 1
            python(*words, "--output", str(folder / "out"), NUMBA_CACHE_DIR=str(kept))

        runs: Mapping[str, Callable[[], None]] = {
            "first run": lambda: run(folder / f"kept-{n_runs}"),
            "second run": lambda: run(folder / "kept"),
        }
        run(folder / "kept")
        rounds = alternate(runs, repeats=repeats, warm_up=False, clock=processor_s)
    ratio = rounds.ratio("first run", to="second run")
    return Claim(
        claim="processor seconds of the first visualize on a machine",
        ours=rounds.timing("first run"),
        target=f"at most {TIMES_SECOND:g} times the second run",
        met=ratio <= TIMES_SECOND,
        peers=(rounds.peer("second run", ours="first run"),),
        note=f"Compiling costs {rounds.timing('first run').median_s - rounds.timing('second run').median_s:.1f} s.",
    )


def main() -> None:
    parser = argument_parser(__doc__, repeats=5)
    parser.add_argument("--quick", action="store_true", help="one round: does it run at all")
    options = parser.parse_args()
    repeats = 1 if options.quick else options.repeats
    publish([*imports(repeats), first_run(min(repeats, 3))], options.json)


if __name__ == "__main__":
    main()
