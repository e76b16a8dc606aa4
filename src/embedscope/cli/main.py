"""The command line: options in, an exit status out. No logic of its own.

Exit status: 0 done (with ``--gate``: deploy), 1 ``--gate`` and retrain, 2 unusable input, 3 ``--gate`` and undecided
or unfit. Only argparse is imported until the arguments are known to be good, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from embedscope import __version__
from embedscope.errors import EmbedscopeError
from embedscope.units import parse_bytes, parse_count

DONE, RETRAIN, UNUSABLE, UNSETTLED = 0, 1, 2, 3
INTERRUPTED = 130

EPILOG = """\
The usual road:
  embedscope demo                                                     see what comes out, on sample data
  embedscope visualize --checkpoint best.pt --data test.json          pictures, numbers, verdict, page
  embedscope evaluate  --checkpoint best.pt --data test.json --gate   numbers only, exit status for CI
  embedscope compare   old.pt new.pt --data test.json                 which one is better, and where
  embedscope train     --data train.json --base-model BAAI/bge-m3     a projection head, in seconds
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status. ``arguments`` default to those of the process."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return UNUSABLE
    try:
        command = import_module(f"embedscope.cli.{options.command}_command")
        status: int = command.run(options)
        sys.stdout.flush()
        return status
    except EmbedscopeError as error:
        print(f"embedscope: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("embedscope: interrupted; what was encoded so far is in the cache", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe (head, less) went away: nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command; names and defaults are the contract's."""
    parser = argparse.ArgumentParser(
        prog="embedscope",
        description="Look inside a retrieval embedding model after fine-tuning.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"embedscope {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_visualize(commands.add_parser("visualize", help="five pictures, the statistics, the checklist and a verdict"))
    _add_evaluate(commands.add_parser("evaluate", help="the same numbers and verdict without pictures"))
    _add_compare(commands.add_parser("compare", help="several checkpoints on the same queries"))
    _add_train(commands.add_parser("train", help="train a projection head on cached embeddings of a base model"))
    _add_audit(commands.add_parser("audit", help="what is wrong with a data set, without any model or with one"))
    _add_shard(commands.add_parser("shard", help="vectors into a folder that may be larger than memory"))
    _add_plan(commands.add_parser("plan", help="time, memory and bytes of a corpus, before it is bought"))
    _add_report(commands.add_parser("report", help="draw the page of an old run again"))
    _add_demo(commands.add_parser("demo", help="the whole job on sample data and a small packaged model"))
    return parser


def build_original_parser() -> argparse.ArgumentParser:
    """The parser of ``visualize_embeddings.py``: the original command line, which is ``visualize`` by another name."""
    parser = argparse.ArgumentParser(
        prog="visualize_embeddings.py", description="Visualize a trained embedding space (embedscope visualize)."
    )
    _add_visualize(parser)
    parser.set_defaults(command="visualize")
    return parser


def _add_visualize(parser: argparse.ArgumentParser) -> None:
    _add_inputs(parser, checkpoint_required=False)
    _add_sampling(parser, default=500)
    _add_outputs(parser, default="visualizations/")
    _add_judging(parser)
    pictures = parser.add_argument_group("pictures")
    pictures.add_argument("--skip-umap", action="store_true", help="leave the UMAP map out")
    pictures.add_argument("--skip-tsne", action="store_true", help="leave the t-SNE map out")
    pictures.add_argument("--perplexity", type=_positive_float, metavar="P", help="of t-SNE (default 30, or (n-1)/3)")
    pictures.add_argument("--map-points", type=_count, default=20_000, metavar="N", help="points at most (20000)")
    pictures.add_argument("--format", choices=("png", "svg", "pdf"), default="png", help="of the pictures (png)")
    pictures.add_argument("--dpi", type=_count, default=200, metavar="N", help="of PNG pictures (200)")
    _add_examples(pictures)
    _add_examination(parser)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _add_inputs(parser, checkpoint_required=False, data_required=False)
    corpus = parser.add_argument_group("corpora on disk (--embeddings FOLDER)")
    corpus.add_argument("--memory", type=_bytes, metavar="SIZE", help="bytes a process may take: 4GB, 512MiB")
    _add_engine(corpus)
    _add_sampling(parser, default=0)
    _add_outputs(parser, default=None)
    _add_judging(parser)
    _add_examples(parser.add_argument_group("examples"))
    _add_examination(parser)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="checkpoints or embedding files")
    _add_inputs(parser, checkpoint_required=None)
    _add_sampling(parser, default=0)
    _add_outputs(parser, default=None)
    _add_judging(parser)
    _add_examples(parser.add_argument_group("examples"))
    parser.add_argument("--skip-maps", action="store_true", help="leave the maps of the runs out")
    parser.add_argument("--skip-umap", action="store_true", help="leave the UMAP maps of the runs out")
    parser.add_argument("--skip-tsne", action="store_true", help="leave the t-SNE maps of the runs out")
    parser.add_argument("--format", choices=("png", "svg", "pdf"), default="png", help="of the pictures (png)")
    parser.add_argument("--dpi", type=_count, default=200, metavar="N", help="of PNG pictures (200)")


def _add_train(parser: argparse.ArgumentParser) -> None:
    inputs = parser.add_argument_group("input")
    inputs.add_argument("--data", metavar="PATH", help="the training file: queries, positives, hard negatives")
    inputs.add_argument("--valid", action=_Given, metavar="PATH", help="the validation file, in place of --split")
    inputs.add_argument("--split", type=_share, default=0.1, action=_Given, metavar="SHARE", help="of --data (0.1)")
    inputs.add_argument("--base-model", default="BAAI/bge-m3", action=_Given, metavar="NAME", help="(BAAI/bge-m3)")
    inputs.add_argument("--pooling", choices=("cls", "mean", "last"), action=_Given, help="(as the base model says)")
    inputs.add_argument("--max-length", type=_count, action=_Given, metavar="N", help="tokens (512, or fewer)")
    inputs.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="(auto)")
    inputs.add_argument("--encode-batch-size", type=_count, default=32, metavar="N", help="texts at a time (32)")
    inputs.add_argument("--drop-empty", action="store_true", help="leave rows with empty texts out")
    inputs.add_argument("--config", metavar="FILE", help="JSON of these options; the command line wins over it")
    inputs.add_argument("--resume", metavar="PATH", help="go on from this checkpoint, or the latest in this folder")
    _add_cache(inputs)
    training = parser.add_argument_group("training")
    for option, kind, default, words in (
        ("--epochs", _count, 10, "passes over the pairs (10)"),
        ("--batch-size", _count, 128, "pairs a step (128)"),
        ("--learning-rate", _positive_float, 2e-4, "of AdamW (2e-4)"),
        ("--weight-decay", _float_or_zero, 0.01, "of AdamW (0.01)"),
        ("--d-out", _count, 128, "numbers of a vector (128)"),
        ("--temperature", _positive_float, 0.07, "of the loss (0.07)"),
        ("--gradient-clip-norm", _float_or_zero, 1.0, "0 = no clipping (1.0)"),
        ("--warmup-steps", _count_or_zero, 0, "steps of a rising learning rate (0)"),
        ("--seed", _seed, 42, "of every random step (42)"),
    ):
        training.add_argument(option, type=kind, default=default, action=_Given, metavar="N", help=words)
    training.add_argument("--init", choices=("pca", "random"), default="pca", action=_Given, help="of the head (pca)")
    training.add_argument(
        "--hard-neg-against", choices=("both", "query"), default="both", action=_Given, help="query and positive (both)"
    )
    training.add_argument("--matryoshka", type=_sizes, default=(), action=_Given, metavar="N,N", help="prefix lengths")
    for option, name, value, words in (
        ("--use-layernorm", "use_layernorm", True, "LayerNorm after the linear map"),
        ("--no-use-layernorm", "use_layernorm", False, "none (default)"),
        ("--use-hard-neg", "use_hard_neg", True, "train against hard negatives (default)"),
        ("--no-hard-neg", "use_hard_neg", False, "train against the other positives of a batch only"),
        ("--keep-zero-weights", "keep_zero_weights", True, "take weights of 0 at their word, though nearly all are 0"),
        ("--no-keep-zero-weights", "keep_zero_weights", False, "take them as 1.0 there (default)"),
    ):
        default_value = name == "use_hard_neg"
        training.add_argument(option, dest=name, nargs=0, const=value, default=default_value, action=_Given, help=words)
    choosing = parser.add_argument_group("choosing")
    choosing.add_argument(
        "--select", default="MRR", action=_Given, metavar="METRIC", help="the best epoch by this, loss, ... (MRR)"
    )
    choosing.add_argument(
        "--patience", type=_count_or_zero, action=_Given, metavar="N", help="end after N epochs no better (0: never)"
    )
    outputs = parser.add_argument_group("output")
    outputs.add_argument("--output-dir", default="checkpoints", action=_Given, metavar="DIR", help="(checkpoints)")
    outputs.add_argument("--overwrite", action="store_true", help="remove the checkpoints of another run from there")
    outputs.add_argument(
        "--save-every", type=_count, default=2, action=_Given, metavar="N", help="epochs between checkpoints (2)"
    )
    outputs.add_argument(
        "--save-format",
        choices=("pt", "safetensors", "sentence-transformers"),
        default="pt",
        help="write the best head in this form too (pt alone)",
    )
    outputs.add_argument("--with-encoder", action="store_true", help="the base model's weights in every checkpoint")
    for tool in ("tensorboard", "mlflow", "wandb"):
        outputs.add_argument(f"--{tool}", action="store_true", help=f"send the curves to {tool} too")
    _add_speech(outputs, file="training.json")


class _Given(argparse.Action):
    """Stores a value and remembers that it was given: a configuration file fills in only what was not."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, self.const if self.nargs == 0 else values)
        namespace.given = [*getattr(namespace, "given", []), self.dest]


def _add_audit(parser: argparse.ArgumentParser) -> None:
    inputs = parser.add_argument_group("input")
    inputs.add_argument("--data", required=True, metavar="PATH", help="queries, positives, hard negatives")
    inputs.add_argument("--split", metavar="WHERE", help="rows of a file (last:0.1), or the split of a folder")
    inputs.add_argument("--train", metavar="FILE", help="the training file: is the test set contained in it?")
    inputs.add_argument("--checkpoint", metavar="PATH", help="a model whose tokenizer shows which texts are cut off")
    inputs.add_argument("--base-model", metavar="NAME", help="the encoder that gives a second opinion on the labels")
    inputs.add_argument("--pooling", choices=("cls", "mean", "last"), help="how tokens become one vector")
    inputs.add_argument("--max-length", type=_count, metavar="N", help="tokens of a text at most")
    inputs.add_argument("--batch-size", type=_count, default=32, metavar="N", help="texts encoded at a time (32)")
    inputs.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="(auto)")
    _add_cache(inputs)
    outputs = parser.add_argument_group("output")
    outputs.add_argument("--output", metavar="DIR", help="where report.json and manifest.json go (nothing is written)")
    outputs.add_argument("--fix", metavar="OUT.json", help="write the repaired data set, every change listed beside it")
    outputs.add_argument("--examples", type=_count_or_zero, default=3, metavar="N", help="rows shown of a finding (3)")
    _add_speech(outputs)


def _add_shard(parser: argparse.ArgumentParser) -> None:
    inputs = parser.add_argument_group("input: a data set, or three Parquet datasets (paths, s3://, gs://)")
    inputs.add_argument("--data", metavar="PATH", help="queries, positives, hard negatives")
    inputs.add_argument("--embeddings", metavar="FILE", help="vectors of --data (.npz, .parquet)")
    inputs.add_argument("--queries", metavar="PLACE", help="columns id, and text or a vector")
    inputs.add_argument("--documents", metavar="PLACE", help="columns id, and text or a vector")
    inputs.add_argument("--judgments", metavar="PLACE", help="columns query-id, corpus-id, score")
    inputs.add_argument("--vector-column", metavar="NAME", help="where there are several (the only one)")
    inputs.add_argument("--checkpoint", metavar="PATH", help="the model that encodes the texts, in place of vectors")
    inputs.add_argument("--split", metavar="WHERE", help="rows of a file (last:0.1), or the split of a folder")
    inputs.add_argument("--base-model", metavar="NAME", help="the encoder under a head (BAAI/bge-m3)")
    inputs.add_argument("--pooling", choices=("cls", "mean", "last"), help="how tokens become one vector")
    inputs.add_argument("--max-length", type=_count, metavar="N", help="tokens of a text at most")
    inputs.add_argument("--batch-size", type=_count, default=32, metavar="N", help="texts encoded at a time (32)")
    inputs.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="(auto)")
    inputs.add_argument("--drop-empty", action="store_true", help="leave rows with empty texts out")
    inputs.add_argument("--allow-missing", action="store_true", help="leave judgments of unknown documents out")
    _add_cache(inputs)
    _add_engine(inputs)
    outputs = parser.add_argument_group("output")
    outputs.add_argument("--output", required=True, metavar="PLACE", help="the folder to write: a path, s3://, gs://")
    outputs.add_argument("--parquet", metavar="PLACE", help="the vectors as Parquet datasets too, into this folder")
    outputs.add_argument("--dtype", choices=("float16", "float32"), default="float32", help="(float32)")
    outputs.add_argument("--shard-rows", type=_big_count, metavar="N", help="rows a shard (as many as make 64 MiB)")
    outputs.add_argument("--quiet", action="store_true", help="say nothing but errors")
    parser.set_defaults(json=False)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    corpus = parser.add_argument_group("the corpus")
    corpus.add_argument("--documents", type=_big_count, required=True, metavar="N", help="such as 100M")
    corpus.add_argument("--queries", type=_big_count, required=True, metavar="N", help="such as 100k")
    corpus.add_argument("--dim", type=_count, required=True, metavar="N", help="numbers of a vector")
    corpus.add_argument("--dtype", choices=("float16", "float32"), default="float16", help="on disk (float16)")
    corpus.add_argument("--judgments", type=_big_count, metavar="N", help="relevant pairs (one a query)")
    corpus.add_argument("--most-judgments", type=_count, metavar="N", help="of one query (as many as could be)")
    machines = parser.add_argument_group("the machines")
    machines.add_argument("--nodes", type=_count, default=8, metavar="N", help="of the cluster, like this one (8)")
    machines.add_argument("--memory", type=_bytes, metavar="SIZE", help="bytes a process may take: 4GB")
    machines.add_argument("--gpu-tflops", type=_positive_float, default=60.0, metavar="N", help="of the GPU (60)")
    machines.add_argument("--encode-rate", type=_positive_float, metavar="N", help="texts a second of one machine")
    machines.add_argument("--gpu-encode-rate", type=_positive_float, metavar="N", help="texts a second of one GPU")
    machines.add_argument("--checkpoint", metavar="PATH", help="measure the texts a second with this model here")
    machines.add_argument("--base-model", metavar="NAME", help="the encoder under a head (BAAI/bge-m3)")
    outputs = parser.add_argument_group("output")
    outputs.add_argument("--json", action="store_true", help="print the figures for programs")
    outputs.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _add_engine(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="who does the work (local)")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="of the cluster (workers on this machine)")


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN_FOLDER", help="a folder that visualize has written")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", default="demo/", metavar="DIR", help="where to write (demo/)")
    parser.add_argument("--seed", type=_seed, default=42, metavar="N", help="of every random step (42)")
    _add_speech(parser)
    _add_cache(parser)


def _add_inputs(
    parser: argparse.ArgumentParser, *, checkpoint_required: bool | None, data_required: bool = True
) -> None:
    inputs = parser.add_argument_group("input")
    if checkpoint_required is not None:
        inputs.add_argument("--checkpoint", metavar="PATH", help="the model: .pt, .safetensors, a folder or a hub name")
        inputs.add_argument("--embeddings", metavar="FILE", help="vectors (.npz, .parquet) in place of a checkpoint")
    inputs.add_argument("--data", required=data_required, metavar="PATH", help="queries, positives, hard negatives")
    inputs.add_argument(
        "--split", metavar="WHERE", help="rows of a file (last:0.1, first:200), or the split of a folder"
    )
    inputs.add_argument("--baseline", metavar="PATH", help="a checkpoint or embedding file to compare with")
    inputs.add_argument("--train", metavar="FILE", help="the training file: is the test set contained in it?")
    inputs.add_argument("--base-model", metavar="NAME", help="the encoder under a head (BAAI/bge-m3)")
    inputs.add_argument("--pooling", choices=("cls", "mean", "last"), help="how tokens become one vector")
    inputs.add_argument("--max-length", type=_count, metavar="N", help="tokens of a text at most")
    inputs.add_argument("--batch-size", type=_count, default=32, metavar="N", help="texts encoded at a time (32)")
    inputs.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="(auto)")
    inputs.add_argument("--backend", choices=("torch", "onnx"), default="torch", help="(torch)")
    inputs.add_argument(
        "--precision", choices=("auto", "float32", "float16", "bfloat16"), default="auto", help="(auto)"
    )
    inputs.add_argument("--drop-empty", action="store_true", help="leave rows with empty texts out")
    inputs.add_argument("--allow-missing", action="store_true", help="leave judgments of unknown documents out")
    _add_cache(inputs)


def _add_cache(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--cache-dir", metavar="DIR", help="of the embeddings (~/.cache/embedscope)")
    parser.add_argument("--no-cache", action="store_true", help="encode everything anew, keep nothing")


def _add_sampling(parser: argparse.ArgumentParser, *, default: int) -> None:
    sampling = parser.add_argument_group("sampling")
    sampling.add_argument(
        "--max-samples",
        type=_count_or_zero,
        default=default,
        metavar="N",
        help=f"queries at most, a seeded random sample; 0 = all ({default}). The document pool is never sampled",
    )
    sampling.add_argument("--seed", type=_seed, default=42, metavar="N", help="of every random step (42)")


def _add_outputs(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    outputs = parser.add_argument_group("output")
    shown = default or "none: nothing is written"
    outputs.add_argument("--output", default=default, metavar="DIR", help=f"where files go ({shown})")
    outputs.add_argument("--junit", metavar="FILE", help="the checklist as JUnit XML, for a CI job")
    outputs.add_argument("--summary", metavar="FILE", help="a Markdown summary, for a pull request")
    _add_speech(outputs)


def _add_speech(parser: argparse._ActionsContainer, *, file: str = "report.json") -> None:
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    parser.add_argument("--json", action="store_true", help=f"print {file} instead of the tables")


def _add_judging(parser: argparse.ArgumentParser) -> None:
    judging = parser.add_argument_group("judging")
    judging.add_argument(
        "--criteria", default="checklist", metavar="NAME|TOML", help="checklist, evidence or a TOML file (checklist)"
    )
    judging.add_argument("--gate", action="store_true", help="exit with 1 (retrain) or 3 (undecided, unfit)")
    judging.add_argument("--draws", type=_count, default=10_000, metavar="N", help="of the bootstrap (10000)")


def _add_examination(parser: argparse.ArgumentParser) -> None:
    looking = parser.add_argument_group("looking closer")
    looking.add_argument("--findings", action="store_true", help="print every finding with the rows that show it")
    looking.add_argument("--export-failures", metavar="OUT.json", help="write the failed queries as training rows")
    looking.add_argument("--robustness", action="store_true", help="type the queries differently and rank them again")
    looking.add_argument("--abbreviations", metavar="TOML", help="short forms for --robustness (a shipped list)")
    looking.add_argument("--deployment-cost", action="store_true", help="what int8, bits and fewer dimensions cost")
    looking.add_argument(
        "--wanted-precision", nargs="+", type=_precision, default=[], metavar="P", help="suggest a threshold for each"
    )
    looking.add_argument("--geometry", action="store_true", help="measure the space also where that takes long")


def _add_examples(parser: argparse._ArgumentGroup) -> None:
    parser.add_argument("--examples", type=_count_or_zero, default=6, metavar="N", help="queries shown in full (6)")
    parser.add_argument("--query", action="append", default=[], metavar="TEXT", help="show this query too (repeatable)")


def _count(text: str) -> int:
    return _whole(text, least=1)


def _count_or_zero(text: str) -> int:
    return _whole(text, least=0)


def _big_count(text: str) -> int:
    return _quantity(parse_count, text)


def _bytes(text: str) -> int:
    return _quantity(parse_bytes, text)


def _quantity(parse: Callable[[str], int], text: str) -> int:
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seed(text: str) -> int:
    return _whole(text, least=0)


def _whole(text: str, *, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, not '{text}'") from None
    if value < least:
        raise argparse.ArgumentTypeError(f"expected {least} or more, not {value}")
    return value


def _positive_float(text: str) -> float:
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a finite number above 0, not {text}")
    return value


def _float_or_zero(text: str) -> float:
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a finite number, 0 or more, not {text}")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"expected a share from 0 (no validation) to below 1, not {text}")
    return value


def _precision(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"expected a precision above 0 and at most 1, such as 0.9, not {text}")
    return value


def _sizes(text: str) -> tuple[int, ...]:
    return () if text == "0" else tuple(_whole(part, least=1) for part in text.split(","))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, not '{text}'") from None


def main_original(arguments: Sequence[str] | None = None) -> int:
    """``visualize_embeddings.py``: the original flags, the same five files."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    build_original_parser().parse_args(words)
    return main(["visualize", *words])


__all__ = ["DONE", "RETRAIN", "UNSETTLED", "UNUSABLE", "build_parser", "main", "main_original"]

if __name__ == "__main__":
    raise SystemExit(main())
