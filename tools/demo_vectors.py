"""Train as ``embedscope demo`` does and keep the vectors for those without torch: ``python -m tools.demo_vectors``.

Run it again when the sample data, or what ``embedscope demo`` trains, has changed; a slow test compares both.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from embedscope import EmbeddingVisualizer
from embedscope.cli import demo_command
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.data.sample.sample_vectors import BASE, FILE, HEAD, pack, texts_of
from embedscope.protocols import Float32Array
from embedscope.settings import Settings
from embedscope.train.checkpoints import BEST


def vectors() -> dict[str, Float32Array]:
    """The vectors of the test texts by model, in the order of the file."""
    base = demo_command.packaged_model()
    texts = texts_of(read_collection(sample_path("test")))
    with TemporaryDirectory() as folder:
        demo_command.train(base, Path(folder), Settings().with_options(quiet=True))
        checkpoints = {BASE: base, HEAD: str(Path(folder) / BEST)}
        return {name: EmbeddingVisualizer(path).encode_batch(texts) for name, path in checkpoints.items()}


def main() -> int:
    pack(vectors())
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
