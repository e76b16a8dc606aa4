"""One run as a page of embedscope, embedding-atlas and DataMapPlot: a screenshot of each, time to open, size, offline.

All three show ``points.parquet`` of the run: embedding-atlas opens it as it is, with the columns of the map and of the
neighbours; DataMapPlot gets positions, texts and themes from it. Each page is opened in the same headless Chromium at
1440 x 900. *Drawn* is when one pixel in five hundred in the middle half of its largest canvas differs from the corner
of that half; the picture is taken once two seconds pass without a change. *Offline* means: drawn from its file with
the network off.

Run: ``PYTHONPATH=src python benchmarks/peers_page.py RUN_FOLDER --embedding-atlas PROGRAM --datamapplot PYTHON
--cdn NODE_MODULES [--pictures docs/images]`` (``--cdn`` as for ``report_open.py``)
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import report_peers
from report_open import LARGEST_CANVAS, OFFLINE_PATIENCE_S, WITH_WEBGL, answer, seconds_until
from report_peers import PeerPage

WINDOW = {"width": 1440, "height": 900}
DRAWN_SHARE = 0.002
STILL_S = 2.0
MOST_COLOURS = 128


def is_drawn(page: Page) -> bool:
    """Whether the largest canvas shows points."""
    box = page.evaluate(LARGEST_CANVAS)
    if box is None:
        return False
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")).astype(int)
    height, width, _ = picture.shape
    middle = picture[height // 4 : -height // 4, width // 4 : -width // 4]
    return bool((np.abs(middle - middle[0, 0]).max(axis=-1) > 12).mean() > DRAWN_SHARE)


def opened(
    browser: Any, address: str, packages: Path | None, picture: Path | None = None, **options: Any
) -> float | None:
    """Seconds until a page is drawn, None where it never is; with a picture of it at rest."""
    context = browser.new_context(viewport=WINDOW, color_scheme="light", **options)
    if packages is not None and not options:
        context.route("**/*", lambda route: answer(route, packages))
    page = context.new_page()
    found = seconds_until(is_drawn, page, address, OFFLINE_PATIENCE_S if options else 60)
    if found is not None and picture is not None:
        take(page, picture)
    context.close()
    return found


def take(page: Page, file: Path) -> None:
    """A picture of a page that has come to rest."""
    before, since = b"", time.perf_counter()
    while time.perf_counter() - since < STILL_S:
        now = page.screenshot()
        if now != before:
            before, since = now, time.perf_counter()
        page.wait_for_timeout(200)
    Image.open(io.BytesIO(before)).convert("RGB").quantize(MOST_COLOURS).save(file, optimize=True)


def pages_of(run: Path, folder: Path, options: argparse.Namespace) -> list[PeerPage]:
    """The page of the run, and the same points as pages of the programs that are installed."""
    shutil.copy(run / "points.parquet", folder / "points.parquet")
    points = pq.read_table(folder / "points.parquet")
    columns = {name: points[name].to_numpy() for name in ("projection_x", "projection_y", "text", "theme")}
    themes = np.array([theme or "Unlabelled" for theme in columns["theme"]])
    xy = np.column_stack([columns["projection_x"], columns["projection_y"]]).astype(np.float32)
    np.savez(folder / "points.npz", xy=xy, texts=columns["text"].astype(str), labels=themes)
    own = run / "report.html"
    atlas = ("--x", "projection_x", "--y", "projection_y", "--neighbors", "neighbors")
    made = (
        PeerPage("embedscope", own, own.stat().st_size / 1e6, False, "one file"),
        *(report_peers.embedding_atlas(program, folder, *atlas) for program in options.embedding_atlas),
        report_peers.datamapplot(options.datamapplot, folder, "Sample data"),
    )
    return [page for page in made if page is not None]


def row(browser: Any, made: PeerPage, options: argparse.Namespace) -> str:
    """A row of the table, and the picture of the page."""
    name = made.name.split()[0]
    fragment = "#map" if name == "embedscope" else ""
    alone = made.file.as_uri() + fragment
    with ExitStack() as stack:
        address = alone
        if made.needs_server:
            address = f"{stack.enter_context(report_peers.served(made.file.parent))}/{made.file.name}"
        picture = options.pictures / f"peers-{name}.png"
        times = [opened(browser, address, options.cdn, picture if i == 0 else None) for i in range(options.repeat)]
    known = [seconds for seconds in times if seconds is not None]
    drawn = f"{np.median(known):.2f} s" if known else "not drawn"
    offline = "yes" if opened(browser, alone, None, offline=True) is not None else "no"
    return f"| {made.name} | {drawn} | {made.size_mb:.1f} MB | {offline} | {made.note} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run with report.html and points.parquet")
    parser.add_argument("--embedding-atlas", nargs="+", default=["embedding-atlas"], help="its program, or several")
    parser.add_argument("--datamapplot", default=sys.executable, help="a Python that has it")
    parser.add_argument("--cdn", type=Path, help="node_modules with the scripts that datamapplot asks a CDN for")
    parser.add_argument("--pictures", type=Path, default=Path("docs/images"), help="folder of the screenshots")
    parser.add_argument("--repeat", type=int, default=3, help="openings of each page; the median counts")
    options = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("Chromium is needed (apt-get install chromium).")
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *WITH_WEBGL])
        print("| page | drawn after | size | offline | files |\n|---|---:|---:|---|---|")
        for made in pages_of(options.run.resolve(), Path(root), options):
            print(row(browser, made, options), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
