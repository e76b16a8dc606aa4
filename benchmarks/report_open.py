"""How long the report takes to open, until planted points are seen on the map; how large it is; how it moves.

For each size a page is written with the points of two maps: a cloud, and three planted queries at its corners, far from
everything else. Headless Chromium opens the file at ``#map``; the clock stops when a screenshot shows all three planted
points in the colour of a query. Then the map is zoomed step by step and the time of each drawn frame is taken.

With ``--brush`` nine tenths of the points are queries, and the page is opened at ``#queries``: a range is drawn over
the histogram of the best relevant score, one step a frame, and the time of each frame is taken, with all that follows a
step (the selection, the counts of the other histograms, the order of the table, drawing).

With ``--peers`` the same points are opened as pages of embedding-atlas and datamapplot, and all three are timed by one
rule that knows nothing of their colours: drawn is when a tenth of the pixels in the middle of the largest canvas, where
the cloud is densest, differ from its corner. "Offline" means: drawn from its file with the network off. A page
that needs a server gets one on this machine; scripts that a page asks a CDN for come from the folder ``--cdn`` (an
``npm install deck.gl@9.1 apache-arrow d3 jquery``), so that no network time counts against it.

Run: ``PYTHONPATH=src python benchmarks/report_open.py [--sizes 10000 100000 1000000] [--without-webgl] [--brush]``
or ``... --peers --embedding-atlas PROGRAM --datamapplot PYTHON --cdn NODE_MODULES --sizes 10000 100000``
(software drawing: a machine with a graphics card is faster).
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import report_peers
from embedscope.output.page.html import render
from embedscope.output.page.payload import page_payload
from embedscope.protocols import Role
from embedscope.result import (
    DataFacts,
    Distribution,
    DocumentTable,
    Estimate,
    MapLayout,
    ModelFacts,
    Points,
    QueryTable,
    Result,
    Similarity,
    Verdict,
    VerdictOutcome,
)
from report_peers import PeerPage

CORNERS = np.array([[-1, -1], [1, -1], [1, 1]], dtype=np.float32)
QUERY_COLOUR = np.array([0x00, 0x72, 0xB2])
TOLERANCE = 60
MAP_SHARE = 0.92
K = 10
WINDOW = {"width": 1280, "height": 800}
WITH_WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WITHOUT_WEBGL = ["--disable-gpu", "--disable-3d-apis"]
PATIENCE_S = 120
OFFLINE_PATIENCE_S = 15
REFUSAL = "requires a browser with WebGPU support"
LARGEST_CANVAS = """() => {
  const boxes = [...document.querySelectorAll('canvas')].map(canvas => canvas.getBoundingClientRect());
  boxes.sort((a, b) => b.width * b.height - a.width * a.height);
  const [box] = boxes;
  return box && box.width > 200 ? { x: box.x, y: box.y, width: box.width, height: box.height } : null;
}"""


def make_findings(n_points: int, seed: int = 0, query_share: float = 0.1) -> Result:
    """A run with ``n_points`` on the maps, a share of them queries."""
    rng = np.random.default_rng(seed)
    n_queries = max(3, round(n_points * query_share))
    n_documents = n_points - n_queries
    words = np.array([f"word{i}" for i in range(2_000)])
    n_texts = min(n_documents, 20_000)
    sentences = [" ".join(row) for row in words[rng.integers(0, len(words), (n_texts, 8))]]
    cloud = (rng.normal(scale=0.22, size=(n_points, 2)).clip(-0.85, 0.85)).astype(np.float32)
    cloud[: len(CORNERS)] = CORNERS
    relevant = rng.integers(0, n_documents, n_queries)
    is_correct = rng.random(n_queries) < 0.7
    margin = rng.normal(0.1, 0.1, n_queries)
    queries = QueryTable(
        ids=tuple(f"q{i}" for i in range(n_queries)),
        texts=tuple(f"query {i} {sentences[i % n_texts]}" for i in range(n_queries)),
        clusters=np.arange(n_queries),
        n_relevant=np.ones(n_queries, np.int64),
        rank=np.where(is_correct, 1.0, 4.0),
        n_tied=np.zeros(n_queries, np.int64),
        is_correct=is_correct,
        positive_similarity=rng.random(n_queries),
        negative_similarity=rng.random(n_queries),
        margin=margin,
        gap=np.abs(margin),
        wrong_document=rng.integers(0, n_documents, n_queries),
        wrong_similarity=rng.random(n_queries),
        wrong_type=("",) * n_queries,
        top_documents=rng.integers(0, n_documents, (n_queries, K)),
        top_scores=rng.random((n_queries, K), np.float32),
        top_is_relevant=np.zeros((n_queries, K), bool),
        relevant_indptr=np.arange(n_queries + 1),
        relevant_documents=relevant,
        relevant_scores=rng.random(n_queries),
        negative_indptr=np.zeros(n_queries + 1, np.int64),
        negative_documents=np.zeros(0, np.int64),
        negative_scores=np.zeros(0),
        negative_weights=np.zeros(0),
        negative_types=(),
    )
    points = Points(
        roles=(Role.QUERY,) * n_queries + (Role.DOCUMENT,) * n_documents,
        rows=np.concatenate([np.arange(n_queries), np.arange(n_documents)]),
        link_queries=np.arange(n_queries),
        link_documents=n_queries + relevant,
        link_is_correct=is_correct,
        neighbor_ids=np.zeros((n_points, 1), np.int64),
        neighbor_distances=np.zeros((n_points, 1), np.float32),
        n_left_out=0,
    )
    kept = rng.random(n_points, np.float32)
    return Result(
        data=DataFacts("benchmark", n_queries, n_queries, n_queries, n_documents, n_queries, 0, n_queries, 0, 0, 0),
        model=ModelFacts("benchmark", "none", 2),
        similarity=_similarity(),
        metrics={},
        negative_types={},
        queries=queries,
        documents=DocumentTable(
            tuple(f"d{i}" for i in range(n_documents)),
            tuple(f"{i} {sentences[i % n_texts]}" for i in range(n_documents)),
            np.zeros(n_documents, np.int64),
            np.zeros(n_documents, np.int64),
        ),
        points=points,
        maps={name: MapLayout(name, cloud, 0.95, 0.95, 15, kept, 1.0, {}) for name in ("tsne", "umap")},
        maps_absent={},
        heatmap=None,
        examples=(),
        clustering=Estimate(0.9),
        tie_tolerance=1e-6,
        seed=seed,
        checklist=(),
        verdict=Verdict(VerdictOutcome.DEPLOY, "benchmark", "a synthetic run", ()),
    )


def _similarity() -> Similarity:
    flat = Distribution(1, 0.5, 0.1, {"0.5": 0.5}, np.full(4, 0.5))
    figure = Estimate(0.5)
    return Similarity(np.linspace(-1, 1, 5), flat, flat, None, *(figure,) * 8)


def write_page(result: Result, folder: Path) -> tuple[Path, float]:
    """The page of the findings and the seconds that payload and HTML took."""
    n_points = len(result.maps["tsne"].xy)
    started = time.perf_counter()
    payload = page_payload(result, point_budget=n_points)
    text = render(payload, title="benchmark")
    elapsed = time.perf_counter() - started
    file = folder / f"report-{n_points}.html"
    file.write_text(text, encoding="utf-8")
    return file, elapsed


def planted_are_lit(page: Page) -> bool:
    """Whether the last screenshot shows every planted point in the colour of a query."""
    box = page.locator(".map-overlay").bounding_box()
    if box is None:
        return False
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    scale = min(box["width"], box["height"]) / 2 * MAP_SHARE
    return all(
        _has_colour(picture, box["x"] + box["width"] / 2 + x * scale, box["y"] + box["height"] / 2 - y * scale)
        for x, y in CORNERS
    )


def _has_colour(picture: np.ndarray, x: float, y: float) -> bool:
    around = picture[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].reshape(-1, 3)
    return bool((np.abs(around - QUERY_COLOUR).max(axis=1) <= TOLERANCE).any())


def timed_frames(before: str, act: str) -> str:
    """A script that does ``act`` once a frame, n times, after ``before``; it gives the milliseconds of each frame."""
    return f"""n => new Promise(done => {{
  const times = [];
  {before}
  let last = performance.now();
  const step = () => {{
    const now = performance.now();
    times.push(now - last);
    last = now;
    if (times.length > n) return done(times.slice(1));
    {act}
    requestAnimationFrame(step);
  }};
  requestAnimationFrame(step);
}})"""


FRAMES = timed_frames(
    """const canvas = document.querySelector('.map-overlay');
  const box = canvas.getBoundingClientRect();""",
    """const at = { deltaY: times.length % 2 ? -40 : 40, clientX: box.x + 300, clientY: box.y + 300, bubbles: true };
    canvas.dispatchEvent(new WheelEvent('wheel', { ...at, cancelable: true }));""",
)


def measure(file: Path, browser: Any) -> dict[str, float]:
    """Seconds until the planted points are seen, and the median and slowest frame while zooming, in milliseconds."""
    context = browser.new_context(viewport=WINDOW, offline=True)
    page = context.new_page()
    opened = seconds_until(planted_are_lit, page, f"{file.as_uri()}#map")
    if opened is None:
        raise SystemExit(f"{file.name}: the planted points were not seen within {PATIENCE_S} s")
    frames = np.array(page.evaluate(FRAMES, 30))
    context.close()
    return {"open_s": opened, "frame_ms_median": float(np.median(frames)), "frame_ms_slowest": float(frames.max())}


BRUSHED = timed_frames(
    """const svg = document.querySelector("[aria-label='Best relevant'] svg");
  const box = svg.getBoundingClientRect();
  const send = (type, share) => svg.dispatchEvent(new PointerEvent(type, {
    clientX: box.x + 12 + share * (box.width - 24), clientY: box.y + 20,
    pointerId: 1, button: 0, buttons: 1, bubbles: true }));
  SVGElement.prototype.setPointerCapture = () => {};
  send('pointerdown', 0.1);""",
    "send('pointermove', 0.15 + 0.8 * times.length / n);",
)


def measure_brush(file: Path, browser: Any, steps: int = 30) -> dict[str, float]:
    """How many queries are selected in the end; of a step the time of the page's thread, and the frame, in ms.

    The time of the thread is what the page computes: on a machine that is busy with other work a frame waits for it.
    """
    context = browser.new_context(viewport=WINDOW, offline=True)
    page = context.new_page()
    page.goto(f"{file.as_uri()}#queries")
    page.wait_for_selector(".histogram svg")
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _task_ms(session)
    frames = np.array(page.evaluate(BRUSHED, steps))
    thread = (_task_ms(session) - before) / steps
    selected = int(page.inner_text(".selection-count strong").replace(",", ""))
    context.close()
    return {
        "selected": selected,
        "thread_ms_mean": thread,
        "frame_ms_median": float(np.median(frames)),
        "frame_ms_slowest": float(frames.max()),
    }


def _task_ms(session: Any) -> float:
    """Time that the thread of the page has worked so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")


def seconds_until(
    is_done: Callable[[Page], bool], page: Page, address: str, patience_s: float = PATIENCE_S
) -> float | None:
    """Seconds from the request for ``address`` until ``is_done``; None where that does not come."""
    started = time.perf_counter()
    page.goto(address, wait_until="commit")
    while not is_done(page):
        if time.perf_counter() - started > patience_s or REFUSAL in page.inner_text("body"):
            return None
    return time.perf_counter() - started


def is_drawn(page: Page) -> bool:
    """Whether the middle of the largest canvas shows a cloud: a tenth of its pixels differ from the corner."""
    box = page.evaluate(LARGEST_CANVAS)
    if box is None:
        return False
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
    x, y = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)
    middle = picture[y - 40 : y + 40, x - 40 : x + 40]
    corner = picture[round(box["y"] + box["height"] * 0.03), round(box["x"] + box["width"] * 0.03)]
    return bool((np.abs(middle - corner).max(axis=-1) > 12).mean() > 0.1)


def time_page(browser: Any, address: str, *, packages: Path | None = None, offline: bool = False) -> float | None:
    """Seconds until a page is drawn; None where it never is."""
    context = browser.new_context(viewport=WINDOW, offline=offline)
    if packages is not None:
        context.route("**/*", lambda route: answer(route, packages))
    page = context.new_page()
    found = seconds_until(is_drawn, page, address, OFFLINE_PATIENCE_S if offline else PATIENCE_S)
    context.close()
    return found


def answer(route: Any, packages: Path) -> None:
    """A script from the folder of packages; files and this machine as they are; nothing else."""
    url = route.request.url
    script = report_peers.cdn_script(url, packages)
    if script is not None:
        route.fulfill(path=script, content_type="text/javascript")
    elif url.startswith(("file:", "data:", "blob:", "http://127.0.0.1")):
        route.continue_()
    else:
        route.abort()


def peer_pages(result: Result, folder: Path, options: argparse.Namespace) -> list[PeerPage]:
    """The same points as pages of the programs that are installed."""
    points = result.points
    assert points is not None
    is_query = np.arange(len(points.rows)) < len(result.queries.ids)
    texts = [*result.queries.texts, *result.documents.texts]
    report_peers.write_points(folder, result.maps["tsne"].xy, texts, is_query)
    made = (
        *(report_peers.embedding_atlas(program, folder) for program in options.embedding_atlas),
        report_peers.datamapplot(options.datamapplot, folder),
    )
    return [page for page in made if page is not None]


def compare(n_points: int, folder: Path, browser: Any, options: argparse.Namespace) -> list[str]:
    """Rows of the table: the report and each peer that is there, with the same points."""
    result = make_findings(n_points)
    file, _ = write_page(result, folder)
    pages = [PeerPage("embedscope", file, file.stat().st_size / 1e6, False, "one file")]
    pages += peer_pages(result, folder, options)
    rows = []
    for made in pages:
        alone = f"{made.file.as_uri()}#map" if made.name == "embedscope" else made.file.as_uri()
        is_offline = time_page(browser, alone, offline=True) is not None
        if made.needs_server:
            with report_peers.served(made.file.parent) as address:
                times = [time_page(browser, f"{address}/{made.file.name}") for _ in range(options.repeat)]
        else:
            times = [time_page(browser, alone, packages=options.cdn) for _ in range(options.repeat)]
        known = [seconds for seconds in times if seconds is not None]
        drawn = f"{np.median(known):.2f} s" if known else "not drawn"
        offline = "yes" if is_offline else "no"
        rows.append(f"| {n_points:,} | {made.name} | {drawn} | {made.size_mb:.1f} MB | {offline} | {made.note} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--without-webgl", action="store_true", help="measure the plain canvas")
    parser.add_argument("--brush", action="store_true", help="measure a brush over nine tenths of the points")
    parser.add_argument("--peers", action="store_true", help="print a table beside embedding-atlas and datamapplot")
    parser.add_argument("--embedding-atlas", nargs="+", default=["embedding-atlas"], help="its program, or several")
    parser.add_argument("--datamapplot", default=sys.executable, help="a Python that has it")
    parser.add_argument("--cdn", type=Path, help="node_modules with the scripts that datamapplot asks a CDN for")
    parser.add_argument("--repeat", type=int, default=3, help="openings of each page; the median counts")
    options = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("Chromium is needed (apt-get install chromium).")
    drawing = WITHOUT_WEBGL if options.without_webgl else WITH_WEBGL
    with tempfile.TemporaryDirectory() as root, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *drawing])
        if options.peers:
            print("| points | page | drawn after | size | offline | files |\n|---:|---|---:|---:|---|---|")
        for n_points in options.sizes:
            folder = Path(root) / str(n_points)
            folder.mkdir()
            if options.peers:
                print("\n".join(compare(n_points, folder, browser, options)), flush=True)
                continue
            share = 0.9 if options.brush else 0.1
            file, written = write_page(make_findings(n_points, query_share=share), folder)
            row = {"points": n_points, "file_mb": file.stat().st_size / 1e6, "write_s": written}
            found = measure_brush(file, browser) if options.brush else measure(file, browser)
            print(json.dumps({k: round(v, 3) for k, v in {**row, **found}.items()}), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
