"""Draw the reports of docs/gallery.md, each by embedscope itself, and check that each says what it is shown for.

    python -m tools.gallery --output site/gallery
    python -m tools.gallery --output site/gallery --only undecided
    python -m tools.gallery --output site/gallery --images docs/images/gallery

Data are the packaged sample and sets made here, the model is the packaged all-MiniLM-L6-v2: nothing is fetched. Needs
the extras demo and dev (--images). A report that says something else than it should is not written; exit status 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from tools.doc_images import packed, screenshots
from tools.gallery.entries import ENTRIES, Workshop

MOST_PAGE_BYTES, MOST_IMAGE_BYTES = 1_500_000, 60_000
IMAGE_WIDTH = 720


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder to write NAME.html into")
    parser.add_argument("--only", choices=ENTRIES, action="append", help="draw this report (default: all)")
    parser.add_argument("--images", type=Path, help="folder to write a picture of each page into (default: none)")
    arguments = parser.parse_args()
    output, images = arguments.output.resolve(), arguments.images and arguments.images.resolve()
    wrong = []
    with TemporaryDirectory(prefix="embedscope-gallery-") as folder, contextlib.chdir(folder):
        work = Workshop()
        for name in arguments.only or ENTRIES:
            started = time.perf_counter()
            ENTRIES[name].draw(work, Path(name))
            faults = faults_of(name, Path(name))
            wrong += faults
            print(f"{name}: {'; '.join(faults) or headline(payload_of(Path(name)))}")
            print(f"  {(Path(name) / 'report.html').stat().st_size:,} bytes, {time.perf_counter() - started:.0f} s")
            if not faults:
                keep(output / f"{name}.html", (Path(name) / "report.html").read_bytes())
                if images:
                    keep(images / f"{name}.png", picture(Path(name) / "report.html"))
    if wrong:
        sys.exit("\n".join(wrong))


def faults_of(name: str, run: Path) -> list[str]:
    """What a report does not say though it is shown for it, and whether its page is too large."""
    lines = list(said(payload_of(run)))
    faults = [f"{name} does not say '{text}'" for text in ENTRIES[name].says if not any(text in line for line in lines)]
    size = (run / "report.html").stat().st_size
    return faults if size < MOST_PAGE_BYTES else [*faults, f"{name} has {size:,} bytes, {MOST_PAGE_BYTES:,} at most"]


def payload_of(run: Path) -> dict[str, Any]:
    """What the page of a run is drawn from."""
    return dict(json.loads((run / "page.json").read_text(encoding="utf-8")))


def headline(payload: Mapping[str, Any]) -> str:
    """The first sentence of a report."""
    report = payload["report"]
    return str(report["advice"][0] if "advice" in report else f"{report['verdict']['outcome']}: {_first(report)}")


def _first(report: Mapping[str, Any]) -> str:
    return str(report["verdict"]["headline"])


def said(payload: Mapping[str, Any]) -> Iterator[str]:
    """What a page says, line by line: the verdict, its reasons, findings by their code, advice, kinds of content."""
    report = payload["report"]
    if "verdict" in report:
        yield f"verdict: {report['verdict']['outcome']}"
        yield _first(report)
        yield from report["verdict"]["reasons"]
    yield from (f"{finding['code']}: {finding['title']}" for finding in report.get("findings", []))
    yield from report.get("advice", [])
    if payload.get("timeline"):
        yield f"timeline: {len(payload['timeline']['labels'])} checkpoints"
    if report["data"]["n_relevant_documents"] > report["data"]["n_queries"]:
        yield "judged: several a query"


def picture(page: Path) -> bytes:
    """The top of a page, small."""
    (shot,) = screenshots(page, {"top": "verdict"}).values()
    image = Image.open(BytesIO(shot)).convert("RGB")
    content = packed(image.resize((IMAGE_WIDTH, image.height * IMAGE_WIDTH // image.width), Image.Resampling.LANCZOS))
    if len(content) > MOST_IMAGE_BYTES:
        sys.exit(f"the picture of {page} has {len(content):,} bytes, {MOST_IMAGE_BYTES:,} at most")
    return content


def keep(path: Path, content: bytes) -> None:
    """A file of the gallery; its folder is made where it is absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main()
