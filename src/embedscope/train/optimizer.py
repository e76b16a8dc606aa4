"""AdamW over the parameters of a head, without the compiler that torch loads to make one of its optimisers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

BETAS, EPSILON = (0.9, 0.999), 1e-8
"""As in `torch.optim.AdamW`: decay of the running means of the gradient and of its square; keeps a step finite."""


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019): the steps of `torch.optim.AdamW`, bit for bit.

    They are those of ``torch.optim.adamw.adamw``, the function under that class. The class itself loads the compiler of
    torch as it is made, which takes longer than many a head to train. Its own state can be loaded here.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], *, weight_decay: float) -> None:
        import torch

        self._parameters, self._weight_decay = list(parameters), weight_decay
        self._means = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._steps = [torch.tensor(0.0) for _ in self._parameters]

    def zero_grad(self) -> None:
        """Forget the gradients of the step before."""
        for parameter in self._parameters:
            parameter.grad = None

    def step(self, rate: float) -> None:
        """Change the parameters by their gradients, with the learning rate ``rate``."""
        import torch
        from torch.optim.adamw import adamw

        with torch.no_grad():
            adamw(
                self._parameters,  # type: ignore[arg-type]
                [parameter.grad for parameter in self._parameters if parameter.grad is not None],
                self._means,
                self._squares,
                [],
                self._steps,
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=rate,
                weight_decay=self._weight_decay,
                eps=EPSILON,
                maximize=False,
            )

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on, a copy, under the keys of `torch.optim.AdamW`."""
        kept = zip(self._steps, self._means, self._squares, strict=True)
        state = {
            place: {"step": step.clone(), "exp_avg": mean.clone(), "exp_avg_sq": square.clone()}
            for place, (step, mean, square) in enumerate(kept)
        }
        return {"state": state}

    def load_state_dict(self, stored: Mapping[str, Any]) -> None:
        """Go on from the state ``stored``, which stays as it is; that of a run without a step has nothing in it."""
        for place, own in stored["state"].items():
            for name, kept in (("step", self._steps), ("exp_avg", self._means), ("exp_avg_sq", self._squares)):
                kept[int(place)].copy_(own[name])
