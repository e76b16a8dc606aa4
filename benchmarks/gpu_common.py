"""What the benchmarks of a CUDA device share: its choice, waiting for it, and what is said where there is none."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import measuring
from measuring import Claim, argument_parser

NO_DEVICE = "no CUDA device"


def gpu_parser(description: str | None, *, repeats: int) -> argparse.ArgumentParser:
    """The options of every benchmark, and those of a run on a device."""
    parser = argument_parser(description, repeats=repeats)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round, on the CPU if need be")
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


def publish(claims: Sequence[Claim], device: str | None, options: argparse.Namespace) -> None:
    """Print the claims and write the file that was asked for; without a device say so in the last line."""
    measuring.publish(claims, options.json)
    if device is None:
        print(f"\n{NO_DEVICE}")
