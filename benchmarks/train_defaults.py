"""What a head gains on the test file by the options of its training: none, the original's numbers, chosen by hand.

Claim: without options a head over all-MiniLM-L6-v2, trained on the packaged sample, is at least 0.09 MRR above its base
model on the test file, which chose nothing. The peers have the defaults of the original training script, and options
picked by hand for this sample.

    PYTHONPATH=src python benchmarks/train_defaults.py --seeds 42 1 2
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedscope.cli.demo_command import packaged_model
from embedscope.data.readers import read_collection
from embedscope.data.sample import sample_path
from embedscope.log import SILENT
from embedscope.models.cache import EmbeddingStore
from embedscope.models.weights import read_torch_file
from embedscope.result import Comparison
from embedscope.result.formatting import difference
from embedscope.settings import Against, TrainSettings
from embedscope.train import fit, load_base
from embedscope.train.checkpoints import BEST
from embedscope.train.head import projection_of
from embedscope.train.sides import encoded_sides
from embedscope.train.validation import Validator
from measuring import Claim, Rounds, argument_parser, publish, seconds_of

WAYS: dict[str, dict[str, Any]] = {
    "no options": {},
    "original defaults": {"epochs": 10, "learning_rate": 2e-4, "hard_neg_against": Against.BOTH},
    "by hand": {"epochs": 40, "learning_rate": 1e-3, "hard_neg_against": Against.QUERY},
}
OURS = next(iter(WAYS))
TARGET = 0.09
"""Of MRR above the base model, on the sample."""


def validator_of(path: str, base_model: str) -> Validator:
    """Measures heads on the queries of a file that trains and chooses nothing."""
    settings, store = TrainSettings(base_model=base_model), EmbeddingStore(None)
    base = load_base(base_model, device="cpu", hashes=store.hashes)
    (side,) = encoded_sides([read_collection(path)], base, store, settings, SILENT)
    return side.validator(settings)


def gain_of(settings: TrainSettings, test: Validator) -> Comparison:
    """The best head of a training against its base model, on the test queries."""
    fit(settings)
    stored = read_torch_file(Path(settings.output_dir) / BEST)
    return test.against_base(projection_of(stored["model_state_dict"]), "MRR")


def measured(files: Mapping[str, str], model: str, seeds: list[int]) -> tuple[Rounds, dict[str, list[Comparison]]]:
    """Seconds of each training, and what its head gains, by the way it was trained; a round is a seed."""
    test = validator_of(files["test"], model)
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    gains: dict[str, list[Comparison]] = {name: [] for name in WAYS}
    for seed in seeds:
        for name, options in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                places = {"data": files["train"], "valid": files["valid"], "output_dir": folder}
                settings = TrainSettings(**places, base_model=model, seed=seed, device="cpu", **options)
                seconds[name].append(seconds_of(lambda s=settings, n=name: gains[n].append(gain_of(s, test))))
            print(f"seed {seed}, {name}: MRR {difference(gains[name][-1])}, {seconds[name][-1]:.1f} s", flush=True)
    return Rounds(seconds), gains


def main() -> None:
    """Train in every way with every seed, and publish."""
    parser = argument_parser(__doc__, repeats=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 1, 2], help="seeds of the trainings")
    for split in ("train", "valid", "test"):
        parser.add_argument(f"--{split}", default=str(sample_path(split)), help="file (default: that of the sample)")
    options = parser.parse_args()
    files = {split: getattr(options, split) for split in ("train", "valid", "test")}
    rounds, gains = measured(files, packaged_model(), options.seeds)
    means = {name: sum(found.difference for found in of) / len(of) for name, of in gains.items()}
    claim = Claim(
        "a training without options",
        rounds.timing(OURS),
        target=f"MRR of the test file at least {TARGET} above the base model, with every seed",
        met=all(found.difference >= TARGET for found in gains[OURS]),
        peers=tuple(rounds.peer(name, ours=OURS) for name in WAYS if name != OURS),
        note="Mean MRR against the base: " + ", ".join(f"{name} {mean:+.3f}" for name, mean in means.items()) + ".",
    )
    publish([claim], options.json)


if __name__ == "__main__":
    main()
