"""Draw every picture of docs/images again, from the sample data and the small packaged model.

    python -m tools.doc_images                     into docs/images
    python -m tools.doc_images --output FOLDER     elsewhere, to look at them first

A head is trained as `embedscope demo` does (a minute or two); the pictures of the guide are of its base model, those
of a training of its epochs, the card and the page of its head. Pages are opened in Chromium, with the network off.
Needs the extras demo and dev.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from embedscope.cli.demo_command import PACK, packaged_model, write_packaged
from embedscope.cli.main import main as embedscope
from embedscope.data.sample import sample_path

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
OF_BASE = (
    "tsne_projection", "similarity_heatmap", "similarity_distribution", "top_k_predictions", "negative_types",
)  # fmt: skip
"""Pictures of the guide, as `embedscope visualize` draws them."""

OF_EPOCHS = ("timeline", "timeline_maps")
EPOCHS = (2, 4, 6, 8, 12, 16, 20, 28, 34, 40)
VIEWS = {"report-verdict": "verdict", "report-map": "map?colour=outcome&links=all"}
"""Screenshot -> address of the view."""

WIDTH, WIDEST, WINDOW = 1200, 1500, {"width": 1280, "height": 800}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MOST_BYTES = 300_000
"""Size of a picture that `tests/test_docs.py` allows."""


def images(work: Path) -> dict[str, bytes]:
    """The content of every picture by its name; ``work`` holds the runs that they are of."""
    demo, base, epochs = work / "demo", work / "base", work / "epochs"
    run("demo", "--output", demo)
    measured = ["--data", sample_path("test"), "--train", sample_path("train"), "--attributes", PACK]
    run("visualize", "--checkpoint", packaged_model(), *measured, "--dpi", 110, "--output", base)
    _, head = write_packaged(work / "vectors")  # what the README shows of the demo is of these
    drawn = ["--skip-umap", "--card", work / "card.png", "--output", work / "head"]
    run("visualize", "--embeddings", head, *measured, *drawn)
    checkpoints = [next((demo / "checkpoints").glob(f"*epoch{epoch}.pt")) for epoch in EPOCHS]
    run("compare", *checkpoints, "--data", sample_path("valid"), "--dpi", 100, "--output", epochs)
    files = {name: base / f"{name}.png" for name in OF_BASE} | {name: epochs / f"{name}.png" for name in OF_EPOCHS}
    files |= {"training_curves": demo / "checkpoints" / "training_curves.png", "card": work / "card.png"}
    found = {name: packed(narrowed(Image.open(file))) for name, file in files.items()}
    return found | screenshots(demo / "report.html", VIEWS)


def run(command: str, *words: object) -> None:
    """One command of embedscope; its failure ends this program."""
    status = embedscope([command, *map(str, words)])
    if status:
        sys.exit(status)


def narrowed(image: Image.Image) -> Image.Image:
    """A picture that was drawn for print at the width of a page; a narrow one as it is."""
    if image.width <= WIDEST:
        return image
    return image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)


def screenshots(page: Path, views: Mapping[str, str]) -> dict[str, bytes]:
    """Views of a page in light colours, once nothing moves any more."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    drawing = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    found = {}
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=drawing)
        context = browser.new_context(viewport=WINDOW, offline=True, color_scheme="light", reduced_motion="reduce")
        opened = context.new_page()
        for name, view in views.items():
            opened.goto("about:blank")
            opened.goto(f"{page.resolve().as_uri()}#{view}")
            opened.wait_for_selector("main")
            shot, before = opened.screenshot(), b""
            while shot != before:  # the map is laid out and drawn after the page
                opened.wait_for_timeout(500)
                shot, before = opened.screenshot(), shot
            found[name] = packed(Image.open(BytesIO(shot)))
        browser.close()
    return found


def packed(image: Image.Image) -> bytes:
    """An image of Pillow as a PNG of few colours, which drawings need no more of."""
    few = image.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = BytesIO()
    few.save(file, "PNG", optimize=True)
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=IMAGES, help="folder to write into (default: docs/images)")
    output = parser.parse_args().output
    with TemporaryDirectory(prefix="embedscope-images-") as folder:
        found = images(Path(folder))
    too_large = [name for name, content in found.items() if len(content) >= MOST_BYTES]
    if too_large:
        sys.exit(f"{', '.join(too_large)}: {MOST_BYTES:,} bytes or more, nothing was written")
    output.mkdir(parents=True, exist_ok=True)
    for name, content in found.items():
        (output / f"{name}.png").write_bytes(content)
        print(f"{output / name}.png  {len(content):,} bytes")


if __name__ == "__main__":
    main()
