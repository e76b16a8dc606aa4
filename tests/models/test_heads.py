"""Heads in files: each is applied as its torch module does, or refused in words; no tensor is dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedscope.errors import CheckpointError
from embedscope.models import load_checkpoint, load_model
from embedscope.models.head_files import HeadFile, read_head_file
from embedscope.models.projectors import Projection
from embedscope.settings import Activation, Pooling, Weights

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

N_IN, N_MID, N_OUT = 12, 8, 6
VECTORS = np.random.default_rng(0).standard_normal((7, N_IN), dtype=np.float32)


def filled(module: Any, seed: int = 0) -> Any:
    """``module`` in evaluation mode, every parameter and moment random."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in [*module.parameters(), *module.buffers()]:
        if tensor.is_floating_point():
            tensor.data = torch.rand(tensor.shape, generator=generator) + 0.1 - 0.6 * (tensor.ndim > 1)
    return module.eval()


def linear(n_in: int = N_IN, n_out: int = N_OUT, seed: int = 1, **more: Any) -> Any:
    return filled(nn.Linear(n_in, n_out, **more), seed)


def state(**modules: Any) -> dict[str, Any]:
    """The state dict of modules by name; ``__`` in a name is a dot."""
    return {
        f"{name.replace('__', '.')}.{leaf}": tensor
        for name, module in modules.items()
        for leaf, tensor in module.state_dict().items()
    }


def under(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def read(stored: Any, **options: Any) -> HeadFile:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "best.pt"
        torch.save(stored, path)
        head = read_head_file(path, **options)
        dict(head.rest.items())  # read while the file is there
        return head


def projected(head: HeadFile, vectors: np.ndarray = VECTORS) -> np.ndarray:
    assert not head.rest, "tensors were left over"
    return Projection(head.steps, dim_in=head.dim_in).project(vectors)


def expected(module: Any, vectors: np.ndarray = VECTORS) -> np.ndarray:
    with torch.no_grad():
        out = module.double()(torch.from_numpy(vectors).double())
    return nn.functional.normalize(out, dim=-1).float().numpy()


# --- heads that are applied -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """What is stored, with which options it is read, and the torch module that it is."""

    stored: Any
    module: Any
    options: Mapping[str, Any] = field(default_factory=dict)


def sequential_row(*layers: Any, name: str = "head.", **options: Any) -> Row:
    module = filled(nn.Sequential(*layers))
    return Row({"model_state_dict": under(name, module.state_dict())}, module, options)


def named_row(modules: Mapping[str, Any], *order: Any, **options: Any) -> Row:
    """Modules under names; ``order`` are names of modules, or activations between them."""
    for seed, module in enumerate(modules.values()):
        filled(module, seed)
    chain = nn.Sequential(*[modules[part] if isinstance(part, str) else part for part in order or modules])
    return Row(state(**modules), chain.eval(), options)


def _lightning() -> Row:
    first, second = linear(N_IN, N_MID), linear(N_MID, N_OUT, 2)
    tensors = under("model.", state(head__fc1=first, head__fc2=second))
    stored = {"state_dict": tensors, "hyper_parameters": {"activation": "gelu", "lr": 1e-3}, "loops": {}, "epoch": 2}
    return Row(stored, nn.Sequential(first, nn.GELU(), second))


def _averaged(**more: Any) -> tuple[dict[str, Any], Any, Any]:
    plain, averaged = linear(seed=1), linear(seed=2)
    return {"model": state(head__linear=plain), "model_ema": state(module__head__linear=averaged)}, plain, averaged


RELU, GELU, NONE = ({"activation": Activation(name)} for name in ("relu", "gelu", "identity"))

APPLIED: dict[str, Callable[[], Row]] = {
    "a Linear": lambda: named_row({"head__linear": nn.Linear(N_IN, N_OUT)}),
    "a Linear without bias": lambda: named_row({"linear": nn.Linear(N_IN, N_OUT, bias=False)}),
    "a Linear alone in the file": lambda: Row(linear().state_dict(), linear()),
    "a Linear named projector": lambda: named_row({"projector": nn.Linear(N_IN, N_OUT)}),
    "a Linear and a stated activation": lambda: named_row(
        {"head__linear": nn.Linear(N_IN, N_OUT)}, "head__linear", nn.Tanh(), activation=Activation.TANH
    ),
    "the original head with equal widths: ln follows": lambda: named_row(
        {"head__ln": nn.LayerNorm(N_IN), "head__linear": nn.Linear(N_IN, N_IN)}, "head__linear", "head__ln"
    ),
    "ln before, by its width": lambda: named_row(
        {"head__ln": nn.LayerNorm(N_IN), "head__linear": nn.Linear(N_IN, N_OUT)}, "head__ln", "head__linear"
    ),
    "head and ln beside it": lambda: named_row({"head": nn.Linear(N_IN, N_OUT), "ln": nn.LayerNorm(N_OUT)}),
    "LayerNorm named norm, after by its width": lambda: named_row(
        {"head__norm": nn.LayerNorm(N_OUT), "head__linear": nn.Linear(N_IN, N_OUT)}, "head__linear", "head__norm"
    ),
    "LayerNorm before, by its width": lambda: named_row(
        {"head__dense": nn.Linear(N_IN, N_OUT), "head__layer_norm": nn.LayerNorm(N_IN)},
        "head__layer_norm", "head__dense",
    ),
    "BatchNorm1d": lambda: named_row({"head__linear": nn.Linear(N_IN, N_OUT), "head__bn": nn.BatchNorm1d(N_OUT)}),
    "BatchNorm1d without weights": lambda: named_row(
        {"fc": nn.Linear(N_IN, N_OUT), "bn": nn.BatchNorm1d(N_OUT, affine=False)}
    ),
    "an order that is passed": lambda: named_row(
        {"head__linear": nn.Linear(N_IN, N_IN), "head__norm": nn.LayerNorm(N_IN)},
        "head__norm", "head__linear",
        head_module="head.norm,head.linear",
    ),
    "activations that are passed in their places": lambda: named_row(
        {"head__a": nn.Linear(N_IN, N_MID), "head__n": nn.LayerNorm(N_MID), "head__b": nn.Linear(N_MID, N_OUT)},
        "head__a", "head__n", nn.GELU(), "head__b", nn.Tanh(),
        head_module="head.a,head.n,gelu,head.b,tanh",
    ),
    "linear and linear2": lambda: named_row(
        {"head__linear2": nn.Linear(N_OUT, N_OUT), "head__linear": nn.Linear(N_IN, N_OUT)},
        "head__linear", nn.ReLU(), "head__linear2", **RELU,
    ),
    "fc1, fc2 of equal widths": lambda: named_row(
        {"projection__fc2": nn.Linear(N_IN, N_IN), "projection__fc1": nn.Linear(N_IN, N_IN)},
        "projection__fc1", nn.GELU(), "projection__fc2", **GELU,
    ),
    "fc1, bn1, fc2, bn2 without activation": lambda: named_row(
        {"fc1": nn.Linear(N_IN, N_MID), "bn1": nn.BatchNorm1d(N_MID), "fc2": nn.Linear(N_MID, N_OUT),
         "bn2": nn.BatchNorm1d(N_OUT)}, **NONE,
    ),
    "dense and out_proj": lambda: named_row(
        {"head__out_proj": nn.Linear(N_IN, N_IN), "head__dense": nn.Linear(N_IN, N_IN)},
        "head__dense", nn.Tanh(), "head__out_proj", activation=Activation.TANH,
    ),
    "a Sequential of one": lambda: sequential_row(nn.Linear(N_IN, N_OUT)),
    "a Sequential that begins with dropout": lambda: sequential_row(nn.Dropout(), nn.Linear(N_IN, N_OUT)),
    "a Sequential of an MLP": lambda: sequential_row(
        nn.Linear(N_IN, N_MID), nn.ReLU(), nn.Linear(N_MID, N_OUT), **RELU
    ),
    "a Sequential of an MLP with dropout": lambda: sequential_row(
        nn.Linear(N_IN, N_MID), nn.GELU(), nn.Dropout(), nn.Linear(N_MID, N_OUT), nn.LayerNorm(N_OUT), **GELU
    ),
    "a Sequential of dropout only between two": lambda: sequential_row(
        nn.Linear(N_IN, N_MID), nn.Dropout(), nn.Linear(N_MID, N_OUT), **NONE
    ),
    "a Sequential with the activation after the norm": lambda: sequential_row(
        nn.Linear(N_IN, N_MID), nn.BatchNorm1d(N_MID), nn.ReLU(), nn.Linear(N_MID, N_OUT), name="head.net.", **RELU
    ),
    "a Sequential with the activation before the norm": lambda: sequential_row(
        nn.Linear(N_IN, N_MID), nn.Tanh(), nn.LayerNorm(N_MID), nn.Linear(N_MID, N_OUT), activation=Activation.TANH
    ),
    "a Sequential that begins with a norm": lambda: sequential_row(
        nn.LayerNorm(N_IN), nn.Linear(N_IN, N_OUT), name="projection."
    ),
    "a Sequential with an activation before its last norm": lambda: sequential_row(
        nn.Linear(N_IN, N_OUT), nn.ReLU(), nn.LayerNorm(N_OUT), **RELU
    ),
    "a Sequential alone in the file": lambda: sequential_row(
        nn.Linear(N_IN, N_MID), nn.ReLU(), nn.Linear(N_MID, N_OUT), name="", **RELU
    ),
    "three matrices": lambda: sequential_row(
        nn.Linear(N_IN, N_MID), nn.ReLU(), nn.Linear(N_MID, N_MID), nn.ReLU(), nn.Linear(N_MID, N_OUT), **RELU
    ),
    "a head of a name of its own": lambda: sequential_row(
        nn.Linear(N_IN, N_OUT), name="sentence.reduce.", head_module="sentence.reduce"
    ),
    "one side's head, named as the head": lambda: named_row(
        {"query_head": nn.Linear(N_IN, N_OUT)}, head_module="query_head"
    ),
    "half precision": lambda: Row(state(head__linear=linear().half()), linear().half().float()),
    "Lightning with a recorded activation": _lightning,
    "Lightning, named with its prefix": lambda: Row(
        under("model.", state(reduce=linear())), linear(), {"head_module": "model.reduce"}
    ),
    "DeepSpeed": lambda: Row({"module": state(head__linear=linear()), "optimizer": None, "ds_version": "0"}, linear()),
    "a recorded activation": lambda: Row(
        {"state_dict": state(head__linear=linear()), "config": {"activation": "torch.nn.modules.activation.Tanh"}},
        nn.Sequential(linear(), nn.Tanh()),
    ),
    "weights beside their average": lambda: Row(_averaged()[0], _averaged()[1]),
    "the average beside the weights": lambda: Row(_averaged()[0], _averaged()[2], {"weights": Weights.EMA}),
    "a state dict inside the model": lambda: Row({"model": {"state_dict": state(head__linear=linear())}}, linear()),
    "tensors of the loss": lambda: Row(
        state(head__linear=linear(), loss_fn__proxies=linear()) | {"logit_scale": torch.tensor(2.0)}, linear()
    ),
    "compiled and distributed": lambda: Row(
        under("module._orig_mod.", state(head__linear=linear(), temperature=nn.Identity())), linear()
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", APPLIED)
def test_a_head_gives_what_its_torch_module_gives(what: str) -> None:
    row = APPLIED[what]()
    np.testing.assert_allclose(projected(read(row.stored, **row.options)), expected(row.module), atol=1e-6)


# --- heads that are refused -----------------------------------------------------------------------------------------


def two_layers() -> dict[str, Any]:
    return state(head__linear=linear(N_IN, N_MID), head__linear2=linear(N_MID, N_OUT))


def with_norm(**more: Any) -> dict[str, Any]:
    return state(head__linear=linear(N_IN, N_IN), head__norm=filled(nn.LayerNorm(N_IN)))


def numbered(*layers: Any) -> dict[str, Any]:
    return under("head.", filled(nn.Sequential(*layers)).state_dict())


REFUSED: dict[str, tuple[Callable[[], Any], Mapping[str, Any], str]] = {
    "two matrices, no activation": (two_layers, {}, r"head.linear2 .*what is applied between .*Pass --activation relu"),
    "a Sequential of two, no activation": (
        lambda: numbered(nn.Linear(N_IN, N_MID), nn.ReLU(), nn.Linear(N_MID, N_OUT)), {}, "Pass --activation"),
    "two matrices without a gap": (
        lambda: numbered(nn.Linear(N_IN, N_MID), nn.Linear(N_MID, N_OUT)), {}, "Pass --activation"),
    "a gap before a norm": (
        lambda: numbered(nn.Linear(N_IN, N_OUT), nn.ReLU(), nn.LayerNorm(N_OUT)), {}, "Pass --activation"),
    "a norm between two matrices, an activation somewhere": (
        lambda: state(fc1=linear(N_IN, N_MID), ln=filled(nn.LayerNorm(N_MID)), fc2=linear(N_MID, N_OUT)), RELU,
        "ReLU could stand in several places .*--head-module fc1,ln,fc2,relu"),
    "two gaps between two matrices": (
        lambda: numbered(nn.Linear(N_IN, N_MID), nn.ReLU(), nn.LayerNorm(N_MID), nn.Dropout(), nn.Linear(N_MID, N_OUT)),
        RELU, "several places"),
    "a gap outside of two matrices": (
        lambda: numbered(nn.Linear(N_IN, N_MID), nn.ReLU(), nn.Linear(N_MID, N_OUT), nn.Dropout(), nn.LayerNorm(N_OUT)),
        RELU, "several places"),
    "a Sequential with no place for the activation": (
        lambda: numbered(nn.Linear(N_IN, N_OUT), nn.LayerNorm(N_OUT)), RELU, "several places"),
    "an activation beside a first gap": (
        lambda: numbered(nn.Dropout(), nn.Linear(N_IN, N_OUT)), RELU, "head.1,relu or --head-module relu,head.1"),
    "an order that is open": (with_norm, {}, r"in 2 orders: .*--head-module head.linear,head.norm"),
    "no order that fits": (
        lambda: state(head__linear=linear(N_IN, N_MID), head__norm=filled(nn.LayerNorm(5))), {},
        "No order .*fits.*--head-module head.linear,head.norm"),
    "a passed order that does not fit": (
        lambda: state(head__a=linear(N_IN, N_MID), head__b=linear(N_MID, N_OUT)),
        {"head_module": "head.b,head.a", **RELU}, "'head.b' gives rows of 6 numbers, and 'head.a' after it takes 12"),
    "layers of a Sequential that do not fit": (
        lambda: numbered(nn.Linear(N_IN, N_MID), nn.ReLU(), nn.Linear(5, N_OUT)), RELU, "gives rows of 8"),
    "a gate": (
        lambda: state(head__linear=linear(), head__gate=linear()), {}, r"No kind of layer .*: head.gate.weight, head"),
    "two towers": (lambda: state(query_head=linear(), linear=linear()), {}, "more than the head 'linear': query_head"),
    "two towers, one of them named": (
        lambda: state(query_head=linear(), linear=linear()), {"head_module": "query_head"}, "linear.weight"),
    "two towers of one module": (
        lambda: state(head__query=linear(), head__document=linear()), {}, "head.query.weight.*serves queries and doc"),
    "towers alone": (
        lambda: state(query_head=linear(), doc_head=linear()), {}, "no projection head.*query_head.weight"),
    "two heads": (lambda: state(head=linear(), projection=linear()), {}, "several modules .*head, projection"),
    "a head and a matrix": (lambda: state(head=linear(), fc=linear()), {}, "several modules .*head, fc"),
    "the rest of a head whose part is named": (
        two_layers, {"head_module": "head.linear"}, "more than the head 'head.linear': head.linear2.weight"),
    "a module that is not there": (two_layers, {"head_module": "top"}, "names 'top', .*head.linear"),
    "a module named twice": (two_layers, {"head_module": "head,head.linear", **RELU}, "names .head.linear. .* twice"),
    "an activation other than the recorded one": (
        lambda: {"state_dict": two_layers(), "config": {"activation": "gelu"}}, RELU, "with the activation GELU"),
    "two recorded poolings": (
        lambda: {"state_dict": two_layers(), "config": {"pooling": "cls"}, "hparams": {"pooling_mode": "mean"}}, RELU,
        "pooling cls, pooling_mode mean: it is not clear"),
    "a recorded residual": (
        lambda: {"state_dict": state(head=linear()), "config": {"use_residual": True}}, {}, "adds its input"),
    "float8 with a scale": (
        lambda: {"head.linear.weight": torch.ones(6, 12).to(torch.float8_e4m3fn), "head.linear.weight_scale":
                 torch.ones(1)}, {}, "float8_e4m3fn"),
    "a scale of quantised weights": (
        lambda: state(head__linear=linear()) | {"head.linear.weight_scale": torch.ones(1)}, {}, "weight_scale"),
    "weight norm": (
        lambda: {"head.linear.weight_g": torch.ones(6, 1), "head.linear.weight_v": torch.ones(6, 12)}, {}, "weight_g"),
    "a low-rank factor": (
        lambda: state(head__linear=linear()) | {"head.linear.lora_A.weight": torch.ones(2, 12)}, {}, "lora_A"),
    "complex numbers": (
        lambda: {"head.linear.weight": torch.ones(6, 12, dtype=torch.complex64)}, {}, "type complex64"),
    "whole numbers": (lambda: {"head.linear.weight": torch.ones(6, 12, dtype=torch.int8)}, {}, "type int8"),
    "a sparse matrix": (lambda: {"head.linear.weight": torch.ones(6, 12).to_sparse()}, {}, "is sparse"),
    "a quantised matrix": (
        lambda: {"head.linear.weight": torch.quantize_per_tensor(torch.ones(6, 12), 0.1, 0, torch.qint8)}, {},
        "quantised"),
    "a matrix without values": (lambda: {"head.linear.weight": torch.ones(6, 12, device="meta")}, {}, "no values"),
    "a matrix of one number": (lambda: {"head.linear.weight": torch.ones(1).expand(6, 12)}, {}, "repeats"),
    "a convolution": (lambda: {"head.conv.weight": torch.ones(6, 12, 3)}, {}, "head.conv.weight"),
    "a norm that may be of another kind": (
        lambda: state(head__linear=linear()) | {"head.norm.weight": torch.ones(6)}, {}, "RMSNorm"),
    "a batch norm without moments": (
        lambda: state(head__linear=linear(), head__bn=filled(nn.BatchNorm1d(N_OUT, track_running_stats=False))), {},
        "without running moments"),
    "half of the moments": (
        lambda: state(head__linear=linear()) | {"head.bn.running_mean": torch.ones(6)}, {}, "missing"),
    "a variance below 0": (
        lambda: state(head__linear=linear())
        | {"head.bn.running_mean": torch.ones(6), "head.bn.running_var": -torch.ones(6)}, {}, "below 0"),
    "a bias without its weight": (
        lambda: state(head__linear=linear()) | {"head.linear2.bias": torch.ones(6)}, {}, "head.linear2.bias"),
    "a Dense of sentence-transformers, whose default is Tanh": (
        lambda: under("2.", state(linear=linear())), {"head_module": "2"}, "Pass --activation"),
    "only an average": (lambda: {"ema": two_layers()}, {}, "--weights ema"),
    "no average": (two_layers, {"weights": Weights.EMA}, "holds none"),
    "an average without names": (
        lambda: {"model": two_layers(), "ema": {"shadow_params": [torch.ones(6, 12)]}}, {}, "several places: .*ema"),
    "two state dicts": (
        lambda: {"model_state_dict": two_layers(), "head_state_dict": two_layers()}, {}, "several places"),
    "tensors beside the state dict": (
        lambda: {"model_state_dict": two_layers(), "queue": torch.ones(4, 6)}, RELU, "model_state_dict, queue"),
    **{
        f"tensors under {key} beside the state dict": (
            lambda key=key, value=value: {"model_state_dict": two_layers(), key: value}, RELU, f"several places.*{key}")
        for key, value in {
            "metric_head": {"weight": torch.ones(6, 12)}, "random_projection": torch.ones(6, 12),
            "input_scaler_mean": torch.ones(12), "scaler": {"mean": torch.ones(12)}, "example_weight": torch.ones(12),
            "rng_state": torch.ones(6, 12), "history": {"weight": torch.ones(6, 12)}, "optimizer_head": torch.ones(6),
            "config": {"whitening": torch.ones(12, 12)}, "developer": torch.ones(2),
        }.items()
    },
    "tensors beside an inner state dict": (
        lambda: {"model": {"state_dict": two_layers(), "mean": [torch.ones(12)]}}, RELU, r"places: .*model\.mean"),
    "tensors inside an inner state dict": (
        lambda: {"model": {"state_dict": {**two_layers(), "x": {"w": torch.ones(6)}}}}, RELU, r"state_dict\.x"),
    "tensors beside an average": (
        lambda: {"model": two_layers(), "ema": {"module": two_layers(), "mean": [torch.ones(12)]}}, RELU, r"ema\.mean"),
    "tensors inside the state dict": (
        lambda: {"state_dict": {**two_layers(), "extra": {"w": torch.ones(6)}}}, RELU, "several places"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("what", REFUSED)
def test_a_head_that_cannot_be_known_is_refused_with_what_to_do(what: str) -> None:
    make, options, words = REFUSED[what]
    with pytest.raises(CheckpointError, match=words) as caught:
        read(make(), **options)
    assert "best.pt" in str(caught.value)


# --- the account ----------------------------------------------------------------------------------------------------


def test_every_tensor_is_counted_as_used_renamed_ignored_or_left() -> None:
    tensors = state(head__linear=linear(), head__bn=filled(nn.BatchNorm1d(N_OUT)), loss__w=linear())
    tensors |= state(encoder__x=linear()) | {"logit_scale": torch.tensor(1.0)}
    head = read(under("module.", tensors))
    assert head.account.n_used == 6
    assert head.account.renamed == {"without 'module.'": len(tensors)}
    assert head.account.ignored == {
        "counter of training steps": 1, "module of the loss": 2, "temperature of the loss": 1,
    }  # fmt: skip
    assert list(head.rest) == ["encoder.x.weight", "encoder.x.bias"]


def test_what_is_left_out_beside_the_state_dict_is_counted_by_rule() -> None:
    def moments() -> dict[str, Any]:
        return {"state": {0: {"exp_avg": torch.ones(6, 12), "step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1}]}

    beside = {
        "optimizer_states": [moments(), moments()], "head_optimizer_state_dict": moments(),
        "lr_schedulers": [{"base_lrs": torch.ones(2)}], "cuda_rng_state_all": [torch.ones(9, dtype=torch.uint8)] * 2,
        "random_states_0": torch.ones(9, dtype=torch.uint8), "loops": {"fit_loop": {"seen": torch.ones(3)}},
        "callbacks": {"EMA": {"weights": torch.ones(6, 12)}}, "scaler": {"scale": 65536.0, "growth_factor": 2.0},
        "val_metrics": {"recall": torch.ones(4)}, "criterion": {"proxies": torch.ones(3, 6)},
    }  # fmt: skip
    head = read({"model_state_dict": state(head__linear=linear()), **beside})
    assert head.account.n_used == 2
    assert head.account.ignored == {
        "state of the optimizer": 3, "state of the scheduler": 1, "state of random numbers": 3,
        "state of the training loop": 2, "history of the training": 1, "module of the loss": 1,
    }  # fmt: skip


def test_a_temperature_of_many_numbers_is_no_temperature() -> None:
    head = read(state(head__linear=linear()) | {"temperature": torch.ones(6)})
    assert list(head.rest) == ["temperature"]


def test_what_is_taken_for_granted_is_noted() -> None:
    dropout = read(numbered(nn.Dropout(), nn.Linear(N_IN, N_OUT)))
    assert any("begins at 'head.1'" in note for note in dropout.notes)
    norm = read(state(head__linear=linear(), head__norm=filled(nn.LayerNorm(N_OUT))))
    assert any("eps is 1e-05" in note for note in norm.notes)
    assert any("--weights ema" in note for note in read(_averaged()[0]).notes)
    lengths = read({"state_dict": state(head=linear()), "config": {"max_length": 32, "max_len": 64}})
    assert any("max_length 32, max_len 64: the first is used" in note for note in lengths.notes)


def test_a_torch_file_whose_archive_names_no_text_is_refused(tmp_path: Path) -> None:
    torch.save(state(head=linear()), tmp_path / "best.pt")
    (tmp_path / "best.pt").write_bytes((tmp_path / "best.pt").read_bytes().replace(b"/data.pkl", b"\xf6data.pkl"))
    with pytest.raises(CheckpointError, match="cut short or damaged"):
        read_head_file(tmp_path / "best.pt")


def test_options_of_a_head_do_not_touch_a_folder_which_is_noted(tiny: Any) -> None:
    checkpoint = load_checkpoint(tiny.folder, pooling=Pooling.MEAN, activation=Activation.RELU)
    assert any(note.startswith("--activation: for .pt and .safetensors files") for note in checkpoint.notes)


def test_the_model_shows_every_layer_and_the_account(tmp_path: Path, tiny: Any) -> None:
    layers = nn.Linear(32, N_MID), nn.ReLU(), nn.Linear(N_MID, N_OUT), nn.BatchNorm1d(N_OUT)
    torch.save(numbered(*layers), tmp_path / "h")
    model = load_model(tmp_path / "h", base_model=tiny.folder, device="cpu", activation=Activation.RELU)
    assert model.facts.head == "Linear 32 -> 8 with bias, ReLU, Linear 8 -> 6 with bias, BatchNorm"
    account = load_checkpoint(tmp_path / "h", base_model=tiny.folder, activation=Activation.RELU).tensors
    assert (account.n_used, account.ignored) == (8, {"counter of training steps": 1})
    assert model.facts.tensors is not None
    assert model.facts.tensors.n_used > 8  # with those of the base model's folder
    other = load_model(tmp_path / "h", base_model=tiny.folder, device="cpu", activation=Activation.GELU)
    assert other.facts.fingerprint != model.facts.fingerprint


def test_lightning_records_pooling_and_length_in_its_hyper_parameters(tmp_path: Path, tiny: Any) -> None:
    hyper_parameters = {"model": {"pooling": "cls"}, "max_seq_length": 20}
    stored = {"state_dict": state(model__head__linear=linear(32)), "hyper_parameters": hyper_parameters}
    torch.save(stored, tmp_path / "last.ckpt")
    checkpoint = load_checkpoint(tmp_path / "last.ckpt", base_model=tiny.folder)
    assert checkpoint.pooling is not None
    assert (checkpoint.pooling.label, checkpoint.pooling_source, checkpoint.max_length) == ("cls", "checkpoint", 20)


# --- any head -------------------------------------------------------------------------------------------------------


LAYERS = {
    "linear": lambda width, bias: nn.Linear(width, width, bias=bias),
    "narrower": lambda width, bias: nn.Linear(width, max(width - 1, 2), bias=bias),
    "layer norm": lambda width, bias: nn.LayerNorm(width),
    "batch norm": lambda width, bias: nn.BatchNorm1d(width, affine=bias),
    "dropout": lambda width, bias: nn.Dropout(),
    "relu": lambda width, bias: nn.ReLU(),
    "gelu": lambda width, bias: nn.GELU(),
}
"""Makers of layers that take rows of ``width`` numbers."""


SEEDS = st.integers(0, 1000)


def is_activation(layer: Any) -> bool:
    return isinstance(layer, nn.ReLU | nn.GELU)


def last_run(layers: list[Any]) -> list[Any]:
    """The layers without tensors at the end."""
    return list(takewhile(lambda layer: not layer.state_dict(), reversed(layers)))


@st.composite
def heads(draw: st.DrawFn) -> Any:
    """A ``Sequential`` with dropout alone outside of its layers with tensors, and one activation in each gap."""
    kinds = draw(st.lists(st.tuples(st.sampled_from(sorted(LAYERS)), st.booleans()), min_size=1, max_size=7))
    layers: list[Any] = []
    width = N_IN
    for kind, bias in kinds:
        layers.append(LAYERS[kind](width, bias))
        width = getattr(layers[-1], "out_features", width)
        if is_activation(layers[-1]) and any(map(is_activation, last_run(layers[:-1]))):
            layers.pop()
    seen = [i for i, layer in enumerate(layers) if layer.state_dict()] or [len(layers)]
    layers = [layer for i, layer in enumerate(layers) if seen[0] <= i <= seen[-1] or isinstance(layer, nn.Dropout)]
    return filled(nn.Sequential(*(layers if any(layer.state_dict() for layer in layers) else [linear()])), draw(SEEDS))


@st.composite
def named_heads(draw: st.DrawFn) -> tuple[dict[str, Any], list[Any]]:
    """Modules by name, shuffled, and the layers in their order; all matrices have one activation between them."""
    kinds = draw(st.lists(st.sampled_from(["linear", "narrower", "layer norm", "batch norm"]), min_size=1, max_size=4))
    words = {"linear": draw(st.sampled_from(["linear", "fc", "dense"])), "layer norm": "norm", "batch norm": "bn"}
    activation = draw(st.sampled_from([nn.ReLU(), nn.Identity()]))
    modules: dict[str, Any] = {}
    layers: list[Any] = []
    width, n_matrices = N_IN, 0
    for number, kind in enumerate(["linear", *kinds], start=1):
        word = words["linear" if kind == "narrower" else kind]
        module = filled(LAYERS[kind](width, True), draw(SEEDS))
        modules[f"{word}{number}" if word in modules else word] = module
        is_matrix = isinstance(module, nn.Linear)
        layers += [*([activation] if is_matrix and n_matrices else []), module]
        n_matrices += is_matrix
        width = getattr(module, "out_features", width)
    order = draw(st.permutations(sorted(modules)))
    return {name: modules[name] for name in order}, layers


@settings(max_examples=100, deadline=None)
@given(head=named_heads(), prefix=st.sampled_from(["head.", "", "model.", "projection.net."]))
def test_a_head_of_named_layers_is_applied_in_its_order_or_refused(head: Any, prefix: str) -> None:
    modules, layers = head
    stated = Activation(next((type(x).__name__.lower() for x in layers if not x.state_dict()), "identity"))
    try:
        found = read(under(prefix, state(**modules)), activation=stated)
    except CheckpointError:
        return
    wanted = expected(nn.Sequential(*layers).eval())
    if (np.linalg.norm(wanted, axis=1) > 0.5).all():
        np.testing.assert_allclose(projected(found), wanted, atol=2e-5)


def activation_of(module: Any) -> Activation | None:
    """The one activation in all places between layers where one could stand; None where there is none, or several."""
    layers = [layer for layer in module if not isinstance(layer, nn.Dropout)]
    seen = [i for i, layer in enumerate(layers) if layer.state_dict()]
    found = {type(layer).__name__.lower() for layer in layers if not layer.state_dict()}
    for a, b in pairwise(seen):
        if b == a + 1 and isinstance(layers[a], nn.Linear) and isinstance(layers[b], nn.Linear):
            found.add("identity")
    matrices = sum(isinstance(layer, nn.Linear) for layer in layers)
    return Activation(found.pop()) if len(found) == 1 else Activation.IDENTITY if not found and matrices > 1 else None


FAULTS = ("rename a tensor", "rename a layer", "remove a weight", "add a layer")


@settings(max_examples=100, deadline=None)
@given(
    module=heads(),
    prefix=st.sampled_from(["head.", "projection.net.", "module.head.", "model.mlp.", "", "head.0.", "top."]),
    states_activation=st.booleans(),
    fault=st.sampled_from(["none", "none", *FAULTS]),
    choice=st.integers(0, 1000),
)
def test_any_head_is_applied_as_torch_does_or_refused(
    module: Any, prefix: str, states_activation: bool, fault: str, choice: int
) -> None:
    tensors = dict(module.state_dict())
    changeable = sorted(name for name in tensors if not name.endswith("num_batches_tracked"))
    name = changeable[choice % len(changeable)]
    layer, _, leaf = name.partition(".")
    if fault == "rename a tensor":
        tensors[f"{layer}.{leaf}_v"] = tensors.pop(name)
    elif fault == "rename a layer":
        tensors[f"gate.{leaf}"] = tensors.pop(name)
    elif fault == "add a layer":
        tensors["residual.weight"] = torch.ones(N_IN, N_IN)
    elif fault == "remove a weight" and f"{layer}.bias" in tensors and f"{layer}.running_mean" not in tensors:
        tensors.pop(f"{layer}.weight")
    stated = activation_of(module) if states_activation else None
    try:
        head = read(under(prefix, tensors), activation=stated)
    except CheckpointError:
        return
    if head.rest or tensors.keys() != module.state_dict().keys():
        assert head.rest, "a head that was changed is applied as if it were whole"
        return
    try:
        wanted = expected(module)
    except ValueError:
        return
    if np.isfinite(wanted).all() and (np.linalg.norm(wanted, axis=1) > 0.5).all():
        np.testing.assert_allclose(projected(head), wanted, atol=2e-5)
