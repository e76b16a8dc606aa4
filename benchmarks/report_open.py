"""How long the report takes to open, until planted points are seen on the map; how large it is; how it moves.

For each size a page is written with the points of two maps: a cloud, and three planted queries at its corners, far from
everything else. Headless Chromium opens the file at ``#map``; the clock stops when a screenshot shows all three planted
points in the colour of a query. Then the map is zoomed step by step and the time of each drawn frame is taken.

Run: ``PYTHONPATH=src python benchmarks/report_open.py [--sizes 10000 100000 1000000] [--without-webgl]``
(software drawing: a machine with a graphics card is faster).
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from embedscope.findings import (
    DataFacts,
    Distribution,
    DocumentTable,
    Figure,
    Findings,
    MapLayout,
    ModelFacts,
    Points,
    QueryTable,
    Similarity,
    Verdict,
    VerdictOutcome,
)
from embedscope.protocols import Role
from embedscope.report.html import render
from embedscope.report.page import page_payload
from embedscope.report.payload import report

CORNERS = np.array([[-1, -1], [1, -1], [1, 1]], dtype=np.float32)
QUERY_COLOUR = np.array([0x00, 0x72, 0xB2])
TOLERANCE = 60
MAP_SHARE = 0.92
K = 10
WINDOW = {"width": 1280, "height": 800}
WITH_WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WITHOUT_WEBGL = ["--disable-gpu", "--disable-3d-apis"]


def make_findings(n_points: int, seed: int = 0) -> Findings:
    """A run with ``n_points`` on the maps, a tenth of them queries."""
    rng = np.random.default_rng(seed)
    n_queries = max(3, n_points // 10)
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
    return Findings(
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
        clustering=Figure(0.9),
        tie_tolerance=1e-6,
        seed=seed,
    )


def _similarity() -> Similarity:
    flat = Distribution(1, 0.5, 0.1, {"0.5": 0.5}, np.full(4, 0.5))
    figure = Figure(0.5)
    return Similarity(np.linspace(-1, 1, 5), flat, flat, None, *(figure,) * 8)


def write_page(n_points: int, folder: Path) -> tuple[Path, float]:
    """The page of ``n_points`` and the seconds that payload and HTML took."""
    findings = make_findings(n_points)
    verdict = Verdict(VerdictOutcome.DEPLOY, "benchmark", "a synthetic run", ())
    started = time.perf_counter()
    payload = page_payload(report(findings, (), verdict, inputs={}), findings, point_budget=n_points)
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


FRAMES = """n => new Promise(done => {
  const canvas = document.querySelector('.map-overlay');
  const box = canvas.getBoundingClientRect();
  const times = [];
  let before = performance.now();
  const step = () => {
    const now = performance.now();
    times.push(now - before);
    before = now;
    if (times.length > n) return done(times.slice(1));
    const at = { deltaY: times.length % 2 ? -40 : 40, clientX: box.x + 300, clientY: box.y + 300, bubbles: true };
    canvas.dispatchEvent(new WheelEvent('wheel', { ...at, cancelable: true }));
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


def measure(file: Path, browser: Any) -> dict[str, float]:
    """Seconds until the planted points are seen, and the median and slowest frame while zooming, in milliseconds."""
    context = browser.new_context(viewport=WINDOW, offline=True)
    page = context.new_page()
    started = time.perf_counter()
    page.goto(f"{file.as_uri()}#map", wait_until="commit")
    page.wait_for_selector(".map-overlay", timeout=120_000)
    while not planted_are_lit(page):
        if time.perf_counter() - started > 120:
            raise SystemExit(f"{file.name}: the planted points were not seen within 120 s")
    opened = time.perf_counter() - started
    frames = np.array(page.evaluate(FRAMES, 30))
    context.close()
    return {"open_s": opened, "frame_ms_median": float(np.median(frames)), "frame_ms_slowest": float(frames.max())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--without-webgl", action="store_true", help="measure the plain canvas")
    options = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("Chromium is needed (apt-get install chromium).")
    drawing = WITHOUT_WEBGL if options.without_webgl else WITH_WEBGL
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *drawing])
        for n_points in options.sizes:
            file, written = write_page(n_points, Path(folder))
            row = {"points": n_points, "file_mb": file.stat().st_size / 1e6, "write_s": written}
            print(json.dumps({k: round(v, 3) for k, v in {**row, **measure(file, browser)}.items()}), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
