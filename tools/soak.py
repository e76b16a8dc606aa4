"""Many runs side by side on one cache and a few output folders, a third of them killed: no wrong number, no growth.

``python -m tools.soak`` runs 200 commands of every kind, four at a time; a third get SIGKILL, SIGTERM or SIGINT after a
random time. Each that ends has to print the report that it prints alone with a cache of its own. At the end nothing
is left of the killed, the cache holds what an undisturbed one holds, and no command takes more memory than in the
beginning. Prints figures; the exit status is 1 where anything else was found.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tests.support.scene import rows
from tests.support.tiny_model import write_tiny
from tools.forks import in_child, load_all

from embedscope.cli.main import main as embedscope_main

N_AT_ONCE = 4
RUNS_A_DATA_SET = 60
"""A data set more is used after so many runs, so that there is something to write into the cache all along."""

ENDS = {signal.SIGKILL: {-9}, signal.SIGTERM: {143, -15}, signal.SIGINT: {130}}
"""Exit statuses of a run that a signal ends."""

OF_ONE_RUN = {"elapsed_s", "created_at", "run_id", "output_dir", "changes_file", "embeddings"}
"""Keys of a report whose values two runs of one command do not share."""

READ = "--data {scene}/{data}.json --pooling mean --cache-dir {cache} --device cpu"
MEASURED = f"{READ} --draws 100 --json"
COMMANDS = {
    "evaluate": (f"evaluate --checkpoint {{scene}}/tiny {MEASURED} --output {{out}}/run",),
    "visualize": (f"visualize --checkpoint {{scene}}/tiny {MEASURED} --skip-tsne --skip-umap --output {{out}}/run",),
    "compare": (f"compare {{scene}}/tiny {{scene}}/other {MEASURED} --skip-maps --output {{out}}/compared",),
    "report": ("report {out}/drawn --quiet",),
    "shards": (
        f"shard --checkpoint {{scene}}/tiny {READ} --quiet --output {{own}}/shards",
        "evaluate --embeddings {own}/shards --draws 100 --json",
    ),
    "audit": ("audit --data {scene}/{data}.json --json --output {out}/audit",),
    "audit --fix": ("audit --data {scene}/{data}.json --json --fix {out}/{data}.fixed.json",),
    "train": (f"train --base-model {{scene}}/tiny {READ} --epochs 1 --d-out 8 --json --output-dir {{own}}/heads",),
}


@dataclass(slots=True)
class Run:
    """A command on a data set, in a process of its own."""

    kind: str
    data: str
    folder: Path  # what it prints, and outputs that are its alone
    pid: int = 0
    signal: signal.Signals | None = None
    ends_at: float = 0.0
    status: int | None = None
    peak_bytes: int = 0
    elapsed_s: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def start(self, scene: Path, out: Path, cache: Path) -> None:
        self.folder.mkdir(parents=True)
        places = {"scene": scene, "data": self.data, "cache": cache, "out": out, "own": self.folder}
        words = [[word.format(**places) for word in words.split()] for words in COMMANDS[self.kind]]
        self.pid = os.fork()
        if self.pid == 0:
            status = 99
            try:
                for descriptor, name in ((1, "said"), (2, "errors")):
                    os.dup2(os.open(self.folder / name, os.O_WRONLY | os.O_CREAT), descriptor)
                status = max(embedscope_main(one) for one in words)
            except KeyboardInterrupt:  # before or after the command
                status = 130
            finally:
                os._exit(status)

    def report(self) -> Any:
        """What it printed, but for what differs between two runs; "" where it printed nothing."""
        said = (self.folder / "said").read_text(encoding="utf-8")
        return _comparable(json.loads(said)) if said else ""


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _comparable(part) for key, part in value.items() if key not in OF_ONE_RUN}
    return [_comparable(part) for part in value] if isinstance(value, list) else value


class Soak:
    """The runs, what they are held against, and what was wrong."""

    def __init__(self, scene: Path, n_runs: int, seed: int) -> None:
        self.scene, self.n_runs, self.draw = scene, n_runs, random.Random(seed)  # noqa: S311 - no secret is drawn
        self.out, self.cache, self.alone_cache = scene / "shared", scene / "cache", scene / "alone-cache"
        self.data_sets = [chr(ord("a") + number) for number in range(1 + n_runs // RUNS_A_DATA_SET)]
        self.faults: list[str] = []
        self.expected: dict[tuple[str, str], Any] = {}
        self.alone_s: dict[str, float] = {}
        self.done: list[Run] = []

    def prepare(self) -> None:
        """Make the data sets and models, and run each command alone."""
        in_child(self._make)
        for data in self.data_sets:
            for kind in COMMANDS:
                run = Run(kind, data, self.scene / "alone" / kind / data)
                run.start(self.scene, self.scene / "alone-out", self.alone_cache)
                self._await([run])
                if run.status != 0:
                    raise SystemExit(f"{kind} alone ends with {run.status}: {self._errors(run)}")
                self.expected[kind, data] = run.report()
                self.alone_s[kind] = run.elapsed_s

    def run(self) -> None:
        """All runs, some at a time; then each command once more, undisturbed."""
        waiting = list(self._planned())
        running: list[Run] = []
        while waiting or running:
            while waiting and len(running) < N_AT_ONCE:
                running.append(waiting.pop(0))
                running[-1].started = time.monotonic()
                running[-1].start(self.scene, self.out, self.cache)
            self._await(running, only_one=True)
        for number, (kind, data) in enumerate(self.expected):
            last = Run(kind, data, self.scene / "last" / str(number))
            last.start(self.scene, self.out, self.cache)
            self._await([last])

    def _planned(self) -> Iterator[Run]:
        kinds = list(COMMANDS)
        for number in range(self.n_runs):
            data = self.draw.choice(self.data_sets[: 1 + number // RUNS_A_DATA_SET])
            run = Run(self.draw.choice(kinds), data, self.scene / f"runs/{number}")
            if self.draw.random() < 1 / 3:
                run.signal = self.draw.choice(list(ENDS))
                run.ends_at = self.draw.uniform(0, 2.5 * self.alone_s[run.kind])
            yield run

    def _await(self, running: list[Run], *, only_one: bool = False) -> None:
        """Wait until the runs have ended, or one of them; send the signals that are due."""
        n_before = len(running)
        while running and not (only_one and len(running) < n_before):
            for run in list(running):
                pid, state, usage = os.wait4(run.pid, os.WNOHANG)
                if pid:
                    running.remove(run)
                    run.status, run.peak_bytes = os.waitstatus_to_exitcode(state), usage.ru_maxrss * 1024
                    run.elapsed_s = time.monotonic() - run.started
                    self._look(run)
                elif run.signal is not None and time.monotonic() - run.started > run.ends_at > 0:
                    os.kill(run.pid, run.signal)
                    run.ends_at = -1.0  # sent
            time.sleep(0.005)

    def _look(self, run: Run) -> None:
        self.done.append(run)
        name, errors = f"{run.folder.name}: {run.kind} on {run.data}", self._errors(run)
        allowed = {0} | (ENDS[run.signal] if run.signal is not None and run.ends_at < 0 else set())
        if run.status not in allowed or "Traceback" in errors:
            self.faults.append(f"{name} ended with {run.status} ({run.signal and run.signal.name}): {errors[-600:]}")
        elif run.status == 0 and run.report() != self.expected.get((run.kind, run.data), run.report()):
            self.faults.append(f"{name} prints another report than alone")

    def _errors(self, run: Run) -> str:
        path = run.folder / "errors"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _make(self) -> None:
        for number, data in enumerate(self.data_sets):
            own = rows(40 * len(self.data_sets))[40 * number : 40 * number + 40]
            (self.scene / f"{data}.json").write_text(json.dumps(own), encoding="utf-8")
        write_tiny(self.scene / "tiny", 32)
        write_tiny(self.scene / "other", 32, seed=1)
        read = READ.format(scene=self.scene, data="a", cache=self.alone_cache).split()
        model = ["--checkpoint", str(self.scene / "tiny")]
        for out in (self.out, self.scene / "alone-out"):  # a run for `report` to draw again
            embedscope_main(["evaluate", *model, *read, "--quiet", "--output", str(out / "drawn")])

    def look_at_end(self) -> None:
        """Nothing is left, every shared folder is whole, and the cache is that of undisturbed runs."""
        for folder in (self.out, self.cache):
            if left := [str(path.relative_to(self.scene)) for path in folder.rglob(".embedscope-*")]:
                self.faults.append(f"left behind: {left}")
        for place, kinds in (("run", ("evaluate", "visualize")), ("compared", ("compare",)), ("audit", ("audit",))):
            report = _comparable(json.loads((self.out / place / "report.json").read_text(encoding="utf-8")))
            if report not in [self.expected[kind, data] for kind in kinds for data in self.data_sets]:
                self.faults.append(f"{place}/report.json is that of no run alone")
        mine, alone = _stored(self.cache), _stored(self.alone_cache)
        if mine != alone:
            self.faults.append(f"the cache holds {len(mine):,} vectors, after undisturbed runs {len(alone):,}")
        n_mine, n_alone = len(list(self.cache.rglob("*.vectors"))), len(list(self.alone_cache.rglob("*.vectors")))
        print(f"cache: {n_mine} files, {n_alone} after undisturbed runs; {len(mine):,} vectors")
        if n_mine > n_alone * N_AT_ONCE:
            self.faults.append(f"the cache has {n_mine} files, {n_alone} alone")
        by_kind = defaultdict(list)
        for run in self.done[len(self.expected) :]:
            if run.status == 0:
                by_kind[run.kind].append(run.peak_bytes)
        for kind, peaks in sorted(by_kind.items()):
            quarter = max(1, len(peaks) // 4)
            first, last = statistics.median(peaks[:quarter]), statistics.median(peaks[-quarter:])
            print(f"{kind}: {len(peaks)} ended, peak memory {first / 1e6:.0f} MB at first, {last / 1e6:.0f} MB at last")
            if last > 1.1 * first + 10e6:
                self.faults.append(f"{kind} takes {last / 1e6:.0f} MB at last, {first / 1e6:.0f} MB at first")


def _stored(cache: Path) -> set[tuple[str, bytes]]:
    """Encoder and text of every vector in a cache."""
    found = set()
    for path in cache.rglob("*.vectors"):
        with path.open("rb") as file:
            found |= {(path.parent.name, key.tobytes()) for key in np.load(file)}
    return found


def soak(n_runs: int, seed: int) -> list[str]:
    """What was wrong."""
    scene = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        one = Soak(scene, n_runs, seed)
        one.prepare()
        one.run()
        one.look_at_end()
        ended = Counter(run.status for run in one.done[len(one.expected) :])
        print(f"{len(one.done) - len(one.expected)} runs by exit status: {dict(sorted(ended.items(), key=str))}")
        return one.faults
    finally:
        shutil.rmtree(scene, ignore_errors=True)


def main() -> int:
    """Soak; the exit status is 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="number of runs (200)")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    load_all()
    faults = soak(chosen.runs, chosen.seed)
    print(f"{len(faults)} faults")
    for fault in faults:
        print(f"  {fault}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
