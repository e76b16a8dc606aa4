"""The same points as pages of other programs, for ``report_open.py`` to open beside the report.

Each program runs where it is installed: its own environment, never the one of embedscope. A program that is not there
is named in one line and left out.
"""

from __future__ import annotations

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DATAMAPPLOT = """
import sys
import numpy as np
import datamapplot
points = np.load(sys.argv[1])
plot = datamapplot.create_interactive_plot(
    points["xy"], points["labels"], hover_text=list(points["texts"]), title=sys.argv[3], enable_search=True
)
plot.save(sys.argv[2])
"""
CDN_FILES = {
    "deck.gl": "dist.min.js",
    "apache-arrow": "Arrow.es2015.min.js",
    "d3": "dist/d3.min.js",
    "jquery": "dist/jquery.min.js",
}
"""The scripts that a page of datamapplot asks a server for, by their npm package."""


@dataclass(frozen=True)
class PeerPage:
    """A page of another program: where its files are, and how a browser reaches it."""

    name: str
    file: Path
    size_mb: float
    needs_server: bool
    note: str


def write_points(folder: Path, xy: np.ndarray, texts: list[str], is_query: np.ndarray) -> None:
    """The points as ``points.npz`` and ``points.parquet``."""
    labels = np.where(is_query, "query", "document")
    np.savez(folder / "points.npz", xy=xy, texts=np.array(texts), labels=labels)
    table = pa.table({"x": xy[:, 0], "y": xy[:, 1], "text": texts, "role": labels})
    pq.write_table(table, folder / "points.parquet")


def embedding_atlas(program: str, folder: Path, *columns: str) -> PeerPage | None:
    """The web application that ``embedding-atlas --export-application`` writes of ``points.parquet``.

    ``columns`` are its options that name columns beyond the text, by default ``--x x --y y``.
    """
    version = _said([program, "--version"]).rsplit(" ", 1)[-1]
    output = folder / f"embedding-atlas-{version}"
    columns = columns or ("--x", "x", "--y", "y")
    words = [program, str(folder / "points.parquet"), "--text", "text", *columns, "--disable-projection"]
    if not _ran([*words, "--export-application", str(output)], "embedding-atlas"):
        return None
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file()) / 1e6
    n_files = sum(file.is_file() for file in output.rglob("*"))
    return PeerPage(f"embedding-atlas {version}", output / "index.html", size, True, f"a folder of {n_files} files")


def datamapplot(python: str, folder: Path, title: str = "benchmark") -> PeerPage | None:
    """The page that ``datamapplot.create_interactive_plot(...).save`` writes with its default options."""
    output = folder / "datamapplot.html"
    if not _ran([python, "-c", DATAMAPPLOT, str(folder / "points.npz"), str(output), title], "datamapplot"):
        return None
    version = _said([python, "-c", "import datamapplot; print(datamapplot.__version__)"])
    size = output.stat().st_size / 1e6
    return PeerPage(f"datamapplot {version}", output, size, False, "one file; scripts from unpkg.com")


def cdn_script(url: str, packages: Path) -> Path | None:
    """The file of an npm package for the address that a page asks for; None for an address that is not known."""
    known = (packages / package / file for package, file in CDN_FILES.items() if f"unpkg.com/{package}@" in url)
    return next((file for file in known if file.is_file()), None)


def _said(words: list[str]) -> str:
    """The last line that a program says; nothing where it cannot be run."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    except OSError:
        return ""
    return (done.stdout.strip().splitlines() or [""])[-1]


def _ran(words: list[str], name: str) -> bool:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    except OSError as error:
        print(f"left out: {name} ({error})", file=sys.stderr)
        return False
    if done.returncode != 0:
        line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"left out: {name} ({line})", file=sys.stderr)
    return done.returncode == 0


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: one line a request would bury the table."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server of ``folder`` on this machine."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
