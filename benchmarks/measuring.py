"""What every benchmark shares: runs that alternate, the record of a claim, peak memory.

Each round runs every candidate once, one after the other, so that a busy neighbour or a slower clock meets them all. A
ratio is the median over the rounds of (time of the peer / our time) of one round, above 1 where ours is quicker; it
moves much less than the times do.

A script gives a list of `Claim` and hands it to `publish`, which prints a table and, with ``--json FILE``, writes::

    [{"claim": str, "ours": {"label", "median_s", "low_s", "high_s"},
      "peers": [{"label", "median_s", "low_s", "high_s", "ratio"}],
      "target": str, "met": bool, "note": str}]

``low_s`` and ``high_s`` are the shortest and the longest run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

os.environ["EMBEDSCOPE_RESULTS_LIMIT"] = "0"
"""What is timed is computed, and not what an earlier run has kept; vectors are kept as ever."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one candidate took, in seconds: median, shortest and longest run."""

    label: str
    median_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class PeerTiming(Timing):
    """A peer's times; ``ratio`` is its time over ours, the median of the rounds."""

    ratio: float


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of the table: what was measured, beside whom, what was asked for, and whether it was reached."""

    claim: str
    ours: Timing
    target: str
    met: bool
    peers: tuple[PeerTiming, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Rounds:
    """Seconds of every run by label, one entry a round."""

    seconds: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def timing(self, label: str) -> Timing:
        """Median, shortest and longest run of one candidate."""
        runs = self.seconds[label]
        return Timing(label, statistics.median(runs), min(runs), max(runs))

    def ratio(self, label: str, *, to: str) -> float:
        """Median over the rounds of the time of ``label`` divided by the time of ``to``."""
        pairs = zip(self.seconds[label], self.seconds[to], strict=True)
        return statistics.median(above / below for above, below in pairs)

    def peer(self, label: str, *, ours: str) -> PeerTiming:
        """The times of a peer, with its ratio to ours."""
        timing = self.timing(label)
        return PeerTiming(timing.label, timing.median_s, timing.low_s, timing.high_s, self.ratio(label, to=ours))


def alternate(
    candidates: Mapping[str, Callable[[], object]],
    *,
    repeats: int,
    warm_up: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> Rounds:
    """Time the candidates in turn, ``repeats`` rounds.

    Parameters
    ----------
    candidates : mapping of label to a call without arguments
        What a call returns is dropped.
    repeats : int
        Rounds that count, at least 1.
    warm_up : bool
        Run one round first that does not count: compilation, page faults and caches belong to no candidate.
    clock : callable
        Seconds so far; of the wall by default.
    """
    seconds: dict[str, list[float]] = {label: [] for label in candidates}
    for number in range(-int(warm_up), repeats):
        for label, call in candidates.items():
            elapsed_s = seconds_of(call, clock)
            if number >= 0:
                seconds[label].append(elapsed_s)
    return Rounds(seconds)


def seconds_of(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Time of one call."""
    start = clock()
    call()
    return clock() - start


def peak_bytes_above_start(call: Callable[[], object]) -> int:
    """Highest resident memory during the call minus that before it, in bytes.

    The peak is reset first (Linux, ``/proc/self/clear_refs``), so that it is the call's own; where that cannot be done
    it is the growth of the peak of the whole process, which misses what stays below an earlier peak.
    """
    before = _resident_bytes()
    is_reset = _reset_peak()
    floor = before if is_reset else _peak_bytes()
    call()
    return max(0, _peak_bytes() - floor)


def argument_parser(description: str | None, *, repeats: int) -> argparse.ArgumentParser:
    """Options of every benchmark: ``--repeats``, ``--seed`` and ``--json``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=repeats, help="rounds that count (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the claims to FILE as JSON")
    return parser


def publish(claims: Sequence[Claim], json_file: Path | None = None) -> None:
    """Print the claims as a table and write them to ``json_file``."""
    print(f"{platform.machine()}, Python {platform.python_version()}\n")
    print("| what | median s | low - high | time / ours |")
    print("|---|---:|---:|---:|")
    for claim in claims:
        print(f"| **{claim.claim}**: {claim.ours.label} | {_times(claim.ours)} | 1 |")
        for peer in claim.peers:
            print(f"| {peer.label} | {_times(peer)} | {peer.ratio:.2f} |")
    for claim in claims:
        print(f"\n{claim.claim}: {claim.target}: {'met' if claim.met else 'NOT met'}. {claim.note}".rstrip())
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(claim) for claim in claims], indent=2) + "\n", encoding="utf-8")


def missing_peer(package: str) -> str:
    """The remark for a peer that is not installed."""
    return f"{package} is not installed and was left out (pip install 'embedscope[bench]')."


def _times(timing: Timing) -> str:
    return f"{timing.median_s:.3f} | {timing.low_s:.3f} - {timing.high_s:.3f}"


def _resident_bytes() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return _peak_bytes()
    return pages * resource.getpagesize()


def _reset_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _peak_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
