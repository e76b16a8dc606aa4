"""What the benchmarks of a CUDA device share: the device, its description, the record that ``run_all.py`` adds."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import measuring
from measuring import Claim, argument_parser

NO_DEVICE = "no CUDA device"


def gpu_parser(description: str | None, *, repeats: int) -> argparse.ArgumentParser:
    """The options of every benchmark, and those of a run on a device."""
    parser = argument_parser(description, repeats=repeats)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, on the CPU if need be")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the claims as 'run_all.py --add' takes them")
    return parser


def chosen_device(*, is_quick: bool) -> str | None:
    """CUDA where it is there; the CPU for a quick run without it, else None."""
    try:
        import torch
    except ImportError:
        return None
    if torch.cuda.is_available():
        return "cuda"
    return "cpu" if is_quick else None


def synchronise(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def publish(claims: Sequence[Claim], title: str, device: str | None, options: argparse.Namespace) -> None:
    """Print the claims and write the files that were asked for; without a device say so in the last line."""
    measuring.publish(claims, options.json)
    if device is None:
        print(f"\n{NO_DEVICE}")
    elif options.page is not None:
        record = {"title": title, "machine": described(device), "claims": [asdict(claim) for claim in claims]}
        options.page.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def described(device: str) -> str:
    """The card, or what stands in for it, and the versions that matter."""
    import torch

    card = "the CPU, in place of a card"
    if device == "cuda":
        facts = torch.cuda.get_device_properties(0)
        card = f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB"
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "sentence-transformers"))
    return f"{card}; CUDA {torch.version.cuda or 'none'}; Python {platform.python_version()}, {packages}."
