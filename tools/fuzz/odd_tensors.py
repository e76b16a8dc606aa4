"""Checkpoints whose tensors are whole and yet no plain tables of numbers."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from typing import Any


def with_odd_tensor(files: Mapping[str, bytes], draw: random.Random) -> dict[str, bytes]:
    """The checkpoint in ``files`` with one of its tensors, or something beside them, of an odd kind."""
    import torch
    from safetensors.torch import load, save

    name, content = next(iter(files.items()))
    is_torch = name.endswith(".pt")
    stored: Any = torch.load(io.BytesIO(content), weights_only=True) if is_torch else load(content)
    state = dict(stored["model_state_dict"]) if is_torch else stored
    key = draw.choice(list(state))
    odd = draw.choice(_kinds(state[key]))()
    state[draw.choice((key, key, key, "x", f"{key}.x"))] = odd
    if is_torch:
        stored = {**stored, "model_state_dict": state}
        stored[draw.choice(("epoch", "config", "x"))] = draw.choice(
            (odd, 1, "²", [odd], {"max_length": odd}, *_odd_values())
        )
        out = io.BytesIO()
        torch.save(stored, out)
        return {name: out.getvalue()}
    try:
        return {name: save(state)}
    except (ValueError, RuntimeError, KeyError, NotImplementedError):  # safetensors holds dense tensors only
        return dict(files)


def _odd_values() -> tuple[Any, ...]:
    """What a pickle can hold and JSON cannot."""
    itself: dict[Any, Any] = {"pooling": "mean"}
    itself |= dict.fromkeys(("config", "args", "model", "hparams"), itself)
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    often: list[Any] = []
    for _ in range(60):
        often = [often, often]
    return (
        itself,
        [itself],
        deep,
        often,
        10**5000,
        {"max_length": 10**5000},
        {"pooling": itself},
        {1: {}},
        {None: 1},
        1j,
    )


def _kinds(tensor: Any) -> tuple[Callable[[], Any], ...]:
    import torch

    two = tensor if tensor.dim() == 2 else tensor.reshape(1, -1)
    types = (
        torch.complex64, torch.complex128, torch.float8_e4m3fn, torch.float8_e5m2, torch.bool, torch.int8, torch.uint8,
        torch.int64, torch.float64, torch.bfloat16, torch.float16,
    )  # fmt: skip
    return (
        two.to_sparse,
        two.to_sparse_csr,
        two.to_sparse_csc,
        lambda: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8),
        lambda: torch.quantize_per_channel(two, torch.ones(len(two)), torch.zeros(len(two)), 0, torch.quint8),
        lambda: torch.empty(tensor.shape, device="meta"),
        lambda: torch.ones(1, 1).expand(100_000, 100_000),
        lambda: torch.ones(1).expand(tensor.shape),
        lambda: torch.as_strided(torch.ones(99), (50, 50), (1, 1)),
        lambda: two.t(),
        lambda: two[:, ::2],
        lambda: torch.tensor(1.0),
        lambda: torch.zeros(0),
        lambda: torch.zeros(0, 8),
        lambda: torch.zeros(4, 0),
        lambda: torch.ones(2, 2, 2),
        lambda: torch.full(tensor.shape, float("nan")),
        lambda: torch.full(tensor.shape, float("inf")),
        lambda: torch.zeros(tensor.shape, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
        lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        lambda: torch.nn.Parameter(tensor),
        lambda: torch.ones(tensor.shape).conj(),
        lambda: torch.ones(tensor.shape, dtype=torch.complex64).conj(),
        *((lambda dtype=dtype: tensor.to(dtype)) for dtype in types),
    )
