"""Maps on a CUDA device, by TorchDR (Van Assel et al.): from our neighbours and our start, repeatable with a seed.

TorchDR is told the neighbours of the shared graph in place of searching its own, so that these maps see what the
others see and no matrix of distances in the original space is made. Its t-SNE computes every repulsion, which takes
memory of the square of the number of points; where that is not there, the processor lays the map out.
"""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from types import ModuleType
from typing import Any

import numpy as np

from embedscope.errors import EmbedscopeError, MissingExtraError
from embedscope.maps.layouts import euclidean
from embedscope.maps.neighbor_graph import NeighborGraph
from embedscope.maps.tsne_steps import EARLY_STEPS
from embedscope.metrics.torch_pass import accelerator, free_memory, full_precision
from embedscope.models.encoders import is_out_of_memory, release_device_memory
from embedscope.protocols import Device, Float64Array, FloatArray

MIN_POINTS_ON_DEVICE = 5_000
"""Points of a map from which on loading torch and starting a device costs less than it saves."""

_TSNE_BYTES_OF_PAIR = 32
"""Eight float32 for each pair of points: distances, their logarithms, the logarithm of their sum, and gradients."""

_SHARE_OF_FREE_MEMORY = 0.9
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"


class DeviceMapError(EmbedscopeError):
    """A map cannot be laid out on the device; the message is the reason, as a clause."""


def device_for_maps(name: str, n_points: int, say: Callable[[str], None]) -> str | None:
    """The CUDA device for maps of ``n_points`` fitted points; None where the processor lays them out.

    Parameters
    ----------
    name : str
        As `encoding.resolve_device` reads it.
    n_points : int
    say : callable
        Is told in one line where there is a CUDA device that TorchDR, not being installed, cannot use.

    Raises
    ------
    InvalidOptionError, MissingExtraError
        If a device is asked for by name and is not there.
    """
    if n_points < MIN_POINTS_ON_DEVICE:
        return None
    device = accelerator(name)
    if device is None or not device.startswith(Device.CUDA):
        return None
    try:
        load_torchdr()
    except MissingExtraError as error:
        say(f"Maps are laid out on the processor. {error}")
        return None
    return device


def load_torchdr() -> ModuleType:
    """TorchDR, loaded without its remarks.

    Raises
    ------
    MissingExtraError
        TorchDR is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("torchdr")
    except ImportError as error:
        raise MissingExtraError(needed_for="A map on a CUDA device", package="torchdr", extra="gpu-maps") from error


def made_by(device: str) -> dict[str, str]:
    """What a map's parameters say of how it was made here."""
    return {"library": f"torchdr {version('torchdr')}", "device": device}


def umap_positions_on(
    device: str,
    graph: NeighborGraph,
    start: Float64Array,
    *,
    n_neighbors: int,
    min_dist: float,
    n_epochs: int | None,
    seed: int,
) -> FloatArray:
    """Positions (n, 2) by ``torchdr.UMAP``.

    Parameters
    ----------
    device : str
        A torch device; "cpu" does too.
    graph : NeighborGraph
        Of the n fitted points, at least ``n_neighbors - 1`` wide.
    start : ndarray of shape (n, 2)
        Kept at its scale.
    n_neighbors, min_dist, n_epochs, seed
        As `umap` takes them.

    Raises
    ------
    DeviceMapError
        Memory does not suffice, or TorchDR fails.
    """
    settings = {"n_neighbors": n_neighbors, "min_dist": min_dist, "metric": "euclidean", "max_iter": n_epochs}
    distances = euclidean(graph.distances[:, : n_neighbors - 1])
    return _laid_out("UMAP", device, graph, distances, start, settings, seed=seed)


def tsne_positions_on(
    device: str, graph: NeighborGraph, start: Float64Array, *, perplexity: float, n_iter: int, seed: int
) -> FloatArray:
    """Positions (n, 2) by ``torchdr.TSNE``, with the step rule of openTSNE.

    Parameters
    ----------
    device : str
        A torch device; "cpu" does too.
    graph : NeighborGraph
        Of the n fitted points, at least ``3 * perplexity`` wide.
    start : ndarray of shape (n, 2)
        Is scaled to a standard deviation of 1e-4.
    perplexity, n_iter, seed
        As `tsne` takes them; the steps of early exaggeration come on top.

    Raises
    ------
    DeviceMapError
        Memory does not suffice, or TorchDR fails.
    """
    _require_pairs(device, len(start))
    settings = {
        "perplexity": perplexity,
        "metric": "sqeuclidean",
        "max_iter": EARLY_STEPS + n_iter,
        "early_exaggeration_iter": EARLY_STEPS,
        "optimizer": _delta_bar_delta(),
        "optimizer_kwargs": {},
    }
    distances = euclidean(graph.distances[:, : int(3 * perplexity)]) ** 2
    return _laid_out("TSNE", device, graph, distances, start * (1e-4 / start[:, 0].std(ddof=1)), settings, seed=seed)


def _require_pairs(device: str, n: int) -> None:
    """Refuse t-SNE of ``n`` points where the matrix of their pairs does not fit."""
    needed, free = n * n * _TSNE_BYTES_OF_PAIR, _free_bytes(device)
    if free is not None and needed > free * _SHARE_OF_FREE_MEMORY:
        raise DeviceMapError(
            f"the pairs of {n:,} points take {needed / 2**30:.1f} GiB there and {free / 2**30:.1f} GiB are free"
        )


def _free_bytes(device: str) -> int | None:
    """Free memory of a CUDA device; None for others, which say nothing."""
    return free_memory(device) if device.startswith(Device.CUDA) else None


def _laid_out(
    name: str,
    device: str,
    graph: NeighborGraph,
    distances: Float64Array,
    start: Float64Array,
    settings: Mapping[str, Any],
    *,
    seed: int,
) -> FloatArray:
    load_torchdr()
    try:
        with _repeatable(device, seed):
            positions = _optimised(name, device, graph, distances, start, settings)
    except DeviceMapError:
        raise
    except Exception as error:  # TorchDR raises ValueError and RuntimeError of every kind
        release_device_memory()
        if is_out_of_memory(error):
            raise DeviceMapError("its memory does not suffice") from error
        raise DeviceMapError(f"TorchDR gave up: {_first_line(error)}") from error
    if not np.isfinite(positions).all():
        raise DeviceMapError("TorchDR gave positions that are not finite")
    return positions


def _optimised(
    name: str,
    device: str,
    graph: NeighborGraph,
    distances: Float64Array,
    start: Float64Array,
    settings: Mapping[str, Any],
) -> FloatArray:
    import torch
    import torchdr

    begin = torch.from_numpy(start.astype(np.float32)).to(device)
    model = getattr(torchdr, name)(
        init=begin,
        init_scaling=float(begin[:, 0].std()),  # TorchDR divides by this: the start keeps its scale
        device=device,
        backend=None,
        distributed=False,
        process_duplicates=False,  # the graph counts every point
        min_grad_norm=0.0,
        **settings,
    )
    found = (
        torch.from_numpy(distances.astype(np.float32)).to(device),
        torch.from_numpy(graph.indices[:, : distances.shape[1]].copy()).to(device),
    )
    asked: list[int | None] = []

    def neighbors(_: Any, k: int | None = None, return_indices: bool = False, **__: Any) -> Any:
        asked.append(k)
        return tuple(each[:, :k] for each in found) if return_indices else found[0][:, :k]

    model.affinity_in._distance_matrix = neighbors
    with _silent(model.logger, model.affinity_in.logger):
        positions = model.fit_transform(torch.zeros((len(start), 1), device=device))  # only its length is read
    if not asked:
        raise DeviceMapError(f"TorchDR {version('torchdr')} does not take the neighbours that it is given")
    result: FloatArray = positions.detach().cpu().numpy()
    return result


def _delta_bar_delta() -> Any:
    """The optimiser of t-SNE (Jacobs 1988, as in openTSNE): momentum, and a gain for each coordinate.

    A gain grows by 0.2 where the gradient keeps pointing along the last step's way, and shrinks to 0.8 of itself where
    it turns. TorchDR's own rule has no gains and leaves the map a fifth as wide after as many steps.
    """
    import torch

    class DeltaBarDelta(torch.optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": float(lr)})
            self._n_starts = 0

        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                for positions in group["params"]:
                    self._move(positions, group["lr"])

        def _move(self, positions: Any, rate: float) -> None:
            state = self.state[positions]
            if not state:
                state["step"], state["gain"] = torch.zeros_like(positions), torch.ones_like(positions)
            is_turning = state["step"].sign() == positions.grad.sign()
            state["gain"] = torch.where(is_turning, state["gain"] * 0.8, state["gain"] + 0.2).clamp_(min=0.01)
            state["step"].mul_(0.8).sub_(rate * state["gain"] * positions.grad)
            positions.add_(state["step"])

    return DeltaBarDelta


@contextmanager
def _repeatable(device: str, seed: int) -> Iterator[None]:
    """torch seeded, in full precision, by algorithms that add in one order, without remarks; all put back after."""
    import torch

    was_on = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    devices = [device] if device.startswith(Device.CUDA) else []
    with torch.random.fork_rng(devices=devices), full_precision(), _fixed_workspace(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was_on, warn_only=only_warned)


@contextmanager
def _fixed_workspace() -> Iterator[None]:
    """The setting without which torch takes matrix products of CUDA for unrepeatable."""
    before = os.environ.get(_CUBLAS)
    os.environ.setdefault(_CUBLAS, ":4096:8")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_CUBLAS, None)


@contextmanager
def _silent(*loggers: logging.Logger) -> Iterator[None]:
    before = [log.disabled for log in loggers]
    for log in loggers:
        log.disabled = True
    try:
        yield
    finally:
        for log, was in zip(loggers, before, strict=True):
            log.disabled = was


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
