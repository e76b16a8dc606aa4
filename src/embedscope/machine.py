"""What this process may use of the machine: cores, torch devices, number formats.

What differs from device to device is decided here and nowhere else: which one (`resolve_device`), in what format of
numbers a model runs on it (`resolve_dtype`), how an array comes to it (`on_device`), how much of its memory is free
(`free_device_bytes`), and what there is to do where that runs out (`is_out_of_memory`, `release_device_memory`). All
other code has the device as a name that it hands on, and is the same on all of them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedscope.errors import InvalidOptionError, importing, require_installed
from embedscope.settings import Device, Precision

if TYPE_CHECKING:
    import numpy as np
    import torch

_WIDE_RANGE = ("t5", "gemma")
"""Architectures whose activations overflow float16; they run in bfloat16."""

READING = "Reading a checkpoint"

_DRIVER_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resolve_device(device: Device | str = Device.AUTO) -> str:
    """The name of the torch device to use: CUDA, then MPS, then the CPU for ``auto``.

    Raises
    ------
    InvalidOptionError
        If the device asked for is not there.
    """
    name = str(device)
    require_device_name(name)
    if name == Device.CPU or (name == Device.AUTO and not _may_have_accelerator()):
        return Device.CPU.value
    require_torch()
    import torch

    present = {
        Device.CUDA.value: torch.cuda.is_available(),
        Device.MPS.value: torch.backends.mps.is_available(),
        Device.CPU.value: True,
    }
    if name == Device.AUTO:
        return next(device for device, is_present in present.items() if is_present)
    family, _, index = name.partition(":")
    if not present[family] or (family == Device.CUDA and index and int(index) >= torch.cuda.device_count()):
        raise InvalidOptionError(
            f"--device is '{name}', but torch {torch.__version__} finds no such device. "
            f"Present: {', '.join(device for device, is_present in present.items() if is_present)}. Use --device auto."
        )
    return name


def require_device_name(name: str) -> None:
    """Refuse what names no device that embedscope knows; whether the device is there, ``resolve_device`` says.

    Raises
    ------
    InvalidOptionError
        If ``name`` is not auto, cpu, cuda or mps; a number may follow, as in "cuda:1".
    """
    family, colon, index = name.partition(":")
    if family not in set(Device) or (colon and (family == Device.AUTO or not index.isdecimal())):
        raise InvalidOptionError(f"--device is '{name}'; expected auto, cpu, cuda or mps.")


def _may_have_accelerator() -> bool:
    """False where torch could find none: asking torch costs a second, which a run from the cache need not spend.

    On Linux a driver shows itself as one of these files (NVIDIA, AMD, and both under WSL).
    """
    return sys.platform != "linux" or any(Path(name).exists() for name in _DRIVER_FILES)


def resolve_dtype(device: str, model_type: str = "", precision: Precision | str = Precision.AUTO) -> str:
    """Number format of the encoder: the one asked for, else half precision on CUDA and float32 elsewhere."""
    if precision != Precision.AUTO:
        return Precision(precision).value
    if not device.startswith(Device.CUDA):
        return "float32"
    return "bfloat16" if any(name in model_type for name in _WIDE_RANGE) else "float16"


def bfloat16_instructions() -> tuple[str, ...]:
    """The names of the instructions by which this processor multiplies bfloat16; empty where there are none, or no
    ``/proc/cpuinfo`` tells.
    """
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return ()
    return tuple(name for name in ("amx_bf16", "avx512_bf16") if name in words)


def on_device(array: np.ndarray[Any, Any], device: str | torch.device) -> torch.Tensor:
    """The array as a tensor of its dtype on a torch device; on the CPU it shares the memory of a contiguous array."""
    import numpy as np
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def is_counted_as_gpu(device: Device) -> bool:
    """Whether a cluster counts the device that was asked for among its GPUs."""
    return device is Device.CUDA


def free_device_bytes(device: str) -> int | None:
    """Bytes of the device that are free, those included that torch keeps for its next tensors.

    None where the device shares the memory of the process, so that nothing says how much of it is the device's.
    """
    if not device.startswith(Device.CUDA):
        return None
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that a batch did not fit into memory."""
    named = type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError)
    return named or (isinstance(error, RuntimeError) and "out of memory" in str(error).lower())


def release_device_memory() -> None:
    """Give cached blocks back to the device after a batch that did not fit."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def require_models(needed_for: str = READING) -> None:
    """Raise ``MissingExtraError`` where a package that encodes with a checkpoint is not installed."""
    require_installed(("torch", "transformers", "sentence-transformers"), needed_for=needed_for, extra="models")


def require_torch() -> None:
    """Raise ``MissingExtraError`` where torch is not installed."""
    with importing("torch", needed_for=READING, extra="models"):
        import torch  # noqa: F401
