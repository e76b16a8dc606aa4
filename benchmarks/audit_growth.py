"""How the audit of a data set grows with its rows: processor seconds and peak memory, with fitted exponents.

Claim: an audit of 1,000,000 rows in less than 10 minutes and 4 GB on 2 cores, and no step above n log n.

Each size is audited by ``embedscope audit`` in a process of its own, from a JSONL file of made rows: rentals in
Vietnamese (parts of the sample data) and English, each with a query, a positive and two typed hard negatives. One row
in ten shares its positive with an earlier row, one in fifty repeats or nearly repeats an earlier query, and one in
twenty has a positive that nearly repeats an earlier one. Processor seconds (user and system) are counted and not those
of the wall, so that a busy neighbour does not move them. The exponent is the slope of log seconds over log rows between
the two largest sizes, start-up left out. No other package does the same, so there is no peer.

    PYTHONPATH=src python benchmarks/audit_growth.py [--rows 1000,10000,100000] [--long] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedscope.data.sample import sample_path
from measuring import Claim, Timing, argument_parser, publish

LONG_ROWS = 1_000_000
LIMIT_S, LIMIT_BYTES = 600.0, 4e9
MOST_EXPONENT = 1.15
"""Of n log n between 100,000 and 1,000,000 rows the slope is log10(10 * 6 / 5) = 1.08; the rest is noise."""

ENGLISH = tuple(
    words.split()
    for words in (
        "room flat studio house loft cabin office garage warehouse shop terrace cellar",
        "bright quiet furnished renovated cheap spacious modern sunny clean old narrow warm",
        "near beside behind opposite above below",
        "station river market university park bridge hospital harbour library stadium theatre bakery",
        "balcony parking heating garden internet lift cupboard kitchen bathtub fireplace desk window",
    )
)
SYLLABLES = "ba co di du fa ga he ka li lo ma mi na no pe ra ri sa so ta to va vi zu"


def rows(n: int, seed: int) -> Iterator[dict[str, Any]]:
    """``n`` rows; the first of two sizes are the same."""
    draw = random.Random(seed)
    phrases = _sample_phrases()
    recent: list[list[str]] = []  # parts of rows that later ones repeat
    for _ in range(n):
        parts, chance = _parts(draw, phrases), draw.random()
        if recent and chance < 0.17:
            parts = draw.choice(recent)
        elif len(recent) < 1_000:
            recent.append(parts)
        elif draw.random() < 0.05:
            recent[draw.randrange(1_000)] = parts
        yield _row(draw, phrases, parts, chance)


def _parts(draw: random.Random, phrases: Sequence[str]) -> list[str]:
    """What a text says: four features, the place and the price."""
    name = _name(draw)
    if draw.random() < 0.5:
        return [*draw.sample(phrases, 4), f"đường {name}", f"giá {draw.randrange(20, 150) / 10:g} triệu"]
    things, manners, sides, sights, extras = ENGLISH
    return [
        f"{draw.choice(manners)} {draw.choice(things)} {draw.choice(sides)} the {draw.choice(sights)}",
        f"{draw.choice(manners)} {draw.choice(extras)} and {draw.choice(extras)}",
        f"{draw.choice(sides)} a {draw.choice(manners)} {draw.choice(sights)}",
        f"for {draw.randrange(1, 9)} people",
        f"{name} street",
        f"{draw.randrange(200, 2000)} a month",
    ]


def _name(draw: random.Random) -> str:
    return "".join(draw.choices(SYLLABLES.split(), k=3)).capitalize()


def _row(draw: random.Random, phrases: Sequence[str], parts: Sequence[str], chance: float) -> dict[str, Any]:
    """A row of these parts; a ``chance`` below 0.17 says how it differs from the row that had them first."""
    first, second, third, fourth, place, price = parts
    positive = f"{first}, {place}, {second}, {third}, {fourth}, {price}"
    query = f"{first} {place}, {third}"
    if chance < 0.10:
        query = f"{place}, {fourth}, {second}"
    elif chance < 0.11:
        query = query.capitalize() + "?"
    elif 0.12 <= chance < 0.17:
        query, positive = f"{third}, {place}, {price}", positive.replace(",", ";").upper()
    name = place.split()[-1 if place.startswith("đường") else 0]
    return {
        "query": query,
        "pos": [positive],
        "hard_neg": [
            {"text": positive.replace(name, _name(draw)), "type": ["location"], "weight": 3.0},
            {"text": positive.replace(second, draw.choice(phrases)), "type": ["amenity"], "weight": 2.0},
        ],
    }


def _sample_phrases() -> list[str]:
    """The parts between commas of the texts of the sample data, of 8 to 30 characters, each once, in their order."""
    stated = json.loads(sample_path("train").read_text(encoding="utf-8"))
    parts = (part.strip() for row in stated for part in re.split("[,.;:]", row["query"]))
    return [part for part in dict.fromkeys(parts) if 8 <= len(part) <= 30]


@dataclass(frozen=True, slots=True)
class Audited:
    """What one audit took: processor seconds and the peak of resident memory."""

    rows: int
    processor_s: float
    peak_bytes: int


def audited(n: int, folder: Path, seed: int) -> Audited:
    """An audit of ``n`` rows in a process of its own."""
    file = folder / f"rows_{n}.jsonl"
    if not file.is_file():
        with file.open("w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(n, seed))
    with subprocess.Popen(
        [sys.executable, "-m", "embedscope", "audit", "--quiet", "--data", str(file)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.DEVNULL,
    ) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"the audit of {n:,} rows ended with {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Audited(n, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)


def exponent(first: Audited, second: Audited, least: Audited) -> float:
    """Slope of log seconds over log rows, without what the smallest audit takes (start-up)."""
    above = [max(one.processor_s - least.processor_s, 1e-3) for one in (first, second)]
    return math.log(above[1] / above[0]) / math.log(second.rows / first.rows)


def claim_of(runs: Sequence[Sequence[Audited]]) -> Claim:
    """The claim about the largest size; the note has every size. ``runs`` are by size, ascending."""
    shown = [min(own, key=lambda one: one.processor_s) for own in runs]
    last = runs[-1]
    seconds = [one.processor_s for one in last]
    peak = max(one.peak_bytes for one in last)
    slope = exponent(shown[-2], shown[-1], shown[0])
    limit_s = LIMIT_S * last[0].rows / LONG_ROWS
    limit_bytes = LIMIT_BYTES * max(last[0].rows / LONG_ROWS, 0.25)  # a quarter for the program itself
    table = "; ".join(f"{o.rows:,}: {o.processor_s:.1f} s, {o.peak_bytes / 1e9:.2f} GB" for o in shown)
    return Claim(
        claim=f"Audit of {last[0].rows:,} rows",
        ours=Timing("embedscope audit, processor seconds", statistics.median(seconds), min(seconds), max(seconds)),
        target=f"at most {limit_s:g} s and {limit_bytes / 1e9:g} GB, exponent at most {MOST_EXPONENT}",
        met=statistics.median(seconds) <= limit_s and peak <= limit_bytes and slope <= MOST_EXPONENT,
        note=f"Processor seconds and peak memory of {table}. Exponent {slope:.2f}.",
    )


def sizes_of(text: str) -> list[int]:
    """At least three sizes, ascending, parted by commas."""
    found = sorted({int(part) for part in text.split(",")})
    if len(found) < 3:
        raise argparse.ArgumentTypeError("three sizes or more are needed: the smallest is start-up")
    return found


def main() -> None:
    parser = argument_parser(__doc__, repeats=1)
    parser.add_argument("--rows", type=sizes_of, default="1000,10000,100000", help="sizes (default: %(default)s)")
    parser.add_argument("--long", action="store_true", help=f"{LONG_ROWS:,} rows too")
    options = parser.parse_args()
    sizes = [*options.rows, *([LONG_ROWS] if options.long else [])]
    with tempfile.TemporaryDirectory(prefix="embedscope-bench-") as scratch:
        rounds = [[audited(n, Path(scratch), options.seed) for n in sizes] for _ in range(options.repeats)]
    publish([claim_of(list(zip(*rounds, strict=True)))], options.json)


if __name__ == "__main__":
    main()
