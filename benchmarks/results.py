"""The one file of all results, ``benchmarks/recorded/results.parquet``: a row a candidate, claim and run.

Every run appends its rows, and none is ever changed: the file holds how each ratio went from version to version. The
page and its plot are drawn from it. ``SCHEMA`` is the whole of it, with what each column means.
"""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
FILE = HERE / "recorded" / "results.parquet"

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "faiss-cpu",
    "numba",
    "openTSNE",
    "umap-learn",
    "torch",
    "sentence-transformers",
    "ranx",
    "pytrec_eval-terrier",
    "zadu",
    "ray",
)

COLUMNS = {
    "kind": (pa.string(), "bench, long or gpu: the command that measured"),
    "measured": (pa.string(), "when the run began, UTC, ISO 8601: one value a run"),
    "version": (pa.string(), "of embedscope"),
    "commit_date": (pa.string(), "of the commit that was measured, UTC, ISO 8601; empty outside a checkout"),
    "script": (pa.string(), "file of benchmarks/ without .py"),
    "script_s": (pa.float64(), "how long the whole script took, in seconds; null where it is not known"),
    "problem": (pa.string(), "why the script gave no claim; such a row has no claim and no figures"),
    "claim": (pa.string(), "what was measured"),
    "label": (pa.string(), "the candidate"),
    "is_ours": (pa.bool_(), "whether the candidate is embedscope; the first row of a claim"),
    "median_s": (pa.float64(), "seconds, the median of the rounds"),
    "low_s": (pa.float64(), "seconds, the shortest round"),
    "high_s": (pa.float64(), "seconds, the longest round"),
    "ratio": (pa.float64(), "time of the candidate over ours, the median of the rounds: above 1 embedscope is faster"),
    "target": (pa.string(), "what was asked for; of our row"),
    "met": (pa.bool_(), "whether it was reached; of our row, else null"),
    "note": (pa.string(), "of our row"),
    "processor": (pa.string(), "model of the processor"),
    "cores": (pa.int32(), "visible"),
    "memory_gib": (pa.float64(), "of the machine, in GiB"),
    "gpu": (pa.string(), "as the driver names it; empty where there is none"),
    "system": (pa.string(), "operating system and architecture"),
    "python": (pa.string(), "version of Python"),
    "packages": (pa.string(), "names and versions of the libraries that matter"),
}
"""Name -> type and meaning."""

SCHEMA = pa.schema([pa.field(name, kind, metadata={"meaning": meaning}) for name, (kind, meaning) in COLUMNS.items()])

MACHINE = ("processor", "cores", "memory_gib", "gpu", "system", "python", "packages", "version")
"""Columns that describe where a run took place."""

Row = Mapping[str, Any]


def rows_of(claims: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the claims as `measuring.publish` writes them: ours first, then each peer."""
    rows = []
    for claim in claims:
        asked = {name: claim[name] for name in ("target", "met", "note")}
        rows.append({"claim": claim["claim"], "is_ours": True, **claim["ours"], "ratio": 1.0, **asked})
        rows += [{"claim": claim["claim"], "is_ours": False, **peer} for peer in claim["peers"]]
    return rows


def claims_of(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The claims that the rows of one script and run hold, in their order: `rows_of` backwards."""
    claims: list[dict[str, Any]] = []
    for row in rows:
        if not row["claim"]:
            continue
        timing = {name: row[name] for name in ("label", "median_s", "low_s", "high_s")}
        if row["is_ours"]:
            asked = {name: row[name] for name in ("target", "met", "note")}
            claims.append({"claim": row["claim"], "ours": timing, "peers": [], **asked})
        else:
            claims[-1]["peers"].append({**timing, "ratio": row["ratio"]})
    return claims


def append(rows: Sequence[Row], file: Path = FILE) -> None:
    """Add rows to the file, which appears whole or stays as it was.

    Raises ``pyarrow.ArrowInvalid`` where the file has columns that are not those of ``SCHEMA``.
    """
    new = pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)
    whole = pa.concat_tables([pq.read_table(file), new]) if file.exists() else new
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        written = Path(folder) / file.name
        pq.write_table(whole, written, compression="zstd")
        os.replace(written, file)


def read(file: Path = FILE) -> list[dict[str, Any]]:
    """Every row, in the order in which they were added; none where there is no file."""
    return pq.read_table(file).to_pylist() if file.exists() else []


def newest(rows: Iterable[Row], kind: str, scripts: Iterable[str]) -> dict[str, list[Row]]:
    """Script -> its rows in the last run of this kind that ran it, in the order of ``scripts``; no others."""
    last: dict[str, list[Row]] = {}
    for row in rows:
        if row["kind"] == kind:
            before = last.get(row["script"])
            if before is None or before[0]["measured"] != row["measured"]:
                last[row["script"]] = []
            last[row["script"]].append(row)
    return {script: last[script] for script in dict.fromkeys(scripts) if script in last}


def this_machine() -> dict[str, Any]:
    """The facts of ``MACHINE`` here; no path and no name of the machine."""
    versions = [f"{name} {found}" for name in PACKAGES if (found := version_of(name)) is not None]
    return {
        "version": version_of("embedscope") or "",
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        "gpu": gpu(),
        "system": f"{platform.system()} on {platform.machine()}",
        "python": platform.python_version(),
        "packages": ", ".join(versions),
    }


def this_run(kind: str) -> dict[str, Any]:
    """What every row of a run that begins now has in common."""
    return {"kind": kind, "measured": datetime.now(UTC).isoformat(timespec="seconds"), "commit_date": commit_date()}


def commit_date() -> str:
    """When the commit that is checked out was made, UTC, ISO 8601; empty outside a checkout."""
    words = ["git", "-C", str(HERE), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return datetime.fromtimestamp(int(done.stdout), UTC).isoformat(timespec="seconds")


def version_of(package: str) -> str | None:
    """The installed version; None where it is not."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def processor() -> str:
    """The model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def gpu() -> str:
    """The GPU that the driver names; empty where there is none."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip().replace("\n", ", ")
