"""The optimiser of a head beside the one of torch, whose steps and state it has."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from embedscope.train.optimizer import AdamW  # noqa: E402


def head() -> torch.nn.Module:
    made = torch.nn.Sequential(torch.nn.Linear(12, 5, bias=False), torch.nn.LayerNorm(5))
    generator = np.random.default_rng(0)
    weight = torch.from_numpy(generator.normal(size=(5, 12)).astype(np.float32))
    made.load_state_dict({"0.weight": weight}, strict=False)
    return made


def differentiate(module: torch.nn.Module, rows: torch.Tensor) -> None:
    (module(rows) ** 3).mean().backward()


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_steps_and_state_are_those_of_torch_to_the_last_bit(weight_decay):
    ours, theirs = head(), head()
    optimizer = AdamW(ours.parameters(), weight_decay=weight_decay)
    reference = torch.optim.AdamW(theirs.parameters(), lr=1.0, weight_decay=weight_decay)
    rows = torch.from_numpy(np.random.default_rng(1).normal(size=(7, 12)).astype(np.float32))
    for rate in (1e-2, 1e-3, 3e-3):
        optimizer.zero_grad()
        reference.zero_grad()
        differentiate(ours, rows)
        differentiate(theirs, rows)
        optimizer.step(rate)
        reference.param_groups[0]["lr"] = rate
        reference.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    kept, wanted = optimizer.state_dict()["state"], reference.state_dict()["state"]
    assert kept.keys() == wanted.keys()
    assert all(torch.equal(kept[place][name], wanted[place][name]) for place in kept for name in wanted[place])


def test_a_state_of_torch_is_gone_on_from_and_left_as_it_is():
    ours, theirs = head(), head()
    rows = torch.ones(3, 12)
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.1, weight_decay=0.0)
    differentiate(theirs, rows)
    reference.step()
    ours.load_state_dict(theirs.state_dict())
    stored = copy.deepcopy(reference.state_dict())
    optimizer = AdamW(ours.parameters(), weight_decay=0.0)
    optimizer.load_state_dict(stored)
    for module in (ours, theirs):
        module.zero_grad()
        differentiate(module, rows)
    optimizer.step(0.1)
    reference.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert stored["state"][0]["step"] == 1


def test_a_step_does_not_load_the_compiler_of_torch():
    program = (
        "import sys, torch\n"
        "from embedscope.train.optimizer import AdamW\n"
        "head = torch.nn.Linear(3, 2)\n"
        "optimizer = AdamW(head.parameters(), weight_decay=0.01)\n"
        "head(torch.ones(1, 3)).sum().backward()\n"
        "optimizer.step(0.1)\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
