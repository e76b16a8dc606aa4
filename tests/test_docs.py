"""The documentation is run: every command and every piece of Python in it, its table of options, its links.

Commands run in a folder of small files that go by the names the documentation uses:

====================================  ================================================================
``checkpoints/epoch{1,2,3}.pt``,      heads (128, 1024), as the original project saves them
``checkpoints/best.pt``
``models/bge-m3``                     a tiny XLM-R of width 1024, also under the hub name BAAI/bge-m3
``data/{train,valid,test}.json``      the first rows of the sample data
``data/beir``                         a BEIR folder
``vectors.npz``                       vectors for ``data/test.json``
``my.toml``                           the criteria that docs/ci.md shows
``production``                        the folder of an old run
``http://127.0.0.1:8000/v1``          an endpoint, at another port
====================================  ================================================================
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from tests.support.loopback import Loopback, made_up, serving
from tests.support.scene import write_vectors
from tests.support.tiny_scorers import write_cross, write_heads, write_splade

from embedscope.cli import main as cli
from embedscope.data.sample import sample_path
from embedscope.decide.criteria import load_criteria

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/*.md"),
    ]
)

NOT_RUN = {
    "make demo": "installs; the test of the demo runs what it starts",
    "make test": "installs, and runs this test",
    "make check": "installs, and may run this test",
    "make bundle": "needs Node; make test rebuilds the bundle where Node is found",
    "pip install '.[models]'": "installs",
    "pip install '.[ray]'": "installs",
    "uvx --from dist/embedscope-0.1.0-py3-none-any.whl embedscope demo": "installs (tests/test_packaging.py)",
    "pip install 'embedscope[models] @ git+https://github.com/embedscope/embedscope'": "installs",
    "pip install torch --index-url https://download.pytorch.org/whl/cpu": "installs",
    "pip install 'embedscope[models]'": "installs",
    "pip install 'embedscope[demo]'": "installs",
    "docker build --tag embedscope .": "needs Docker",
    'docker run --rm --volume "$PWD:/work" --volume embedscope-cache:/cache embedscope evaluate '
    "--checkpoint best.pt --data test.json": "as above",
    "embedscope evaluate --embeddings shards/ --engine ray": "a test of its own runs it (tests/scale)",
    "embedscope evaluate --data hub:mteb/scifact --split test --checkpoint checkpoints/best.pt": "needs the network",
    "embedscope serve visualizations/": "serves until it is ended; tests/serve starts and ends it",
    "embedscope serve visualizations/ --data data/test.json --checkpoint checkpoints/best.pt": "as above",
    "embedscope serve shards/": "as above",
    "embedscope demo": "a test of its own runs it (tests/cli/test_demo_command.py)",
    "python -m tools.sample_data --output rental_data": "a test of its own runs it (tests/data)",
}
"""Commands of the documentation that are not run here, and why."""

ENDPOINT = "http://127.0.0.1:8000/v1"

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}: {self.text.strip().splitlines()[0][:60]}"


def blocks(*languages: str) -> list[Block]:
    """Every fenced block in one of the languages, page by page."""
    return [
        Block(page, match[1], match[2])
        for page in PAGES
        for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if match[1] in languages
    ]


def commands(block: Block) -> Iterator[str]:
    """The commands of a block, continued lines joined; of a console block those after ``$``, of a workflow ours."""
    if block.language == "yaml":
        yaml = pytest.importorskip("yaml")
        steps = [step for job in yaml.safe_load(block.text)["jobs"].values() for step in job["steps"]]
        scripts = (Block(block.page, "bash", step.get("run", "")) for step in steps)
        yield from (line for script in scripts for line in commands(script) if line.startswith("embedscope"))
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.language == "console":
            if line.startswith("$ "):
                yield line.removeprefix("$ ")
        elif line.strip():
            yield line.strip()


def runnable() -> list[tuple[Path, str]]:
    """(page, command) of every command that is run."""
    shown = [(block.page, command) for block in blocks("bash", "console", "yaml") for command in commands(block)]
    return [(page, command) for page, command in shown if command not in NOT_RUN]


# --- the files that the documentation speaks of -------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the documentation speaks of."""
    folder = tmp_path_factory.mktemp("desk")
    for split, n in (("train", 40), ("valid", 36), ("test", 48)):
        rows = json.loads(sample_path(split).read_text(encoding="utf-8"))[:n]
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / f"{split}.json").write_text(json.dumps(rows), encoding="utf-8")
    _write_beir(folder / "data" / "beir", json.loads((folder / "data" / "test.json").read_text(encoding="utf-8")))
    write_vectors(folder / "vectors.npz", folder / "data" / "test.json", 0.8)
    criteria = next(block for block in blocks("toml") if block.page.name == "ci.md")
    (folder / "my.toml").write_text(criteria.text, encoding="utf-8")
    _write_models(folder)
    words = ["evaluate", "--embeddings", "vectors.npz", "--data", "data/test.json", "--output", "production", "--quiet"]
    with contextlib.chdir(folder):
        assert cli.main(words) == 0
    return folder


def _write_beir(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "qrels").mkdir(parents=True)
    documents = list(dict.fromkeys(row["pos"] for row in rows))
    corpus = [json.dumps({"_id": f"d{i}", "title": "", "text": text}) for i, text in enumerate(documents)]
    queries = [json.dumps({"_id": f"q{i}", "text": row["query"]}) for i, row in enumerate(rows)]
    judged = [f"q{i}\td{documents.index(row['pos'])}\t1" for i, row in enumerate(rows)]
    (folder / "corpus.jsonl").write_text("\n".join(corpus), encoding="utf-8")
    (folder / "queries.jsonl").write_text("\n".join(queries), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]), encoding="utf-8")


def _write_models(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    base = folder / "models" / "bge-m3"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _write_tiny_base(base, (folder / "data" / "test.json").read_text(encoding="utf-8"))
    snapshot = folder / "hub" / "models--BAAI--bge-m3" / "snapshots" / "0"
    shutil.copytree(base, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_heads(base, 1024)
        write_splade(folder / "models" / "splade")
        write_cross(folder / "models" / "reranker")
    (folder / "checkpoints").mkdir()
    for name, seed in (("epoch1", 1), ("epoch2", 2), ("epoch3", 3), ("best", 3)):
        weight = torch.randn(128, 1024, generator=torch.Generator().manual_seed(seed)) / 32
        state = {"model_state_dict": {"head.linear.weight": weight}, "epoch": seed, "val_loss": 1 / seed}
        torch.save(state, folder / "checkpoints" / f"{name}.pt")


def _write_tiny_base(folder: Path, text: str) -> None:
    """A model of the shape of BGE-M3 that knows the words of ``text``."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    words = sorted(set(re.findall(r"\w+", json.dumps(json.loads(text), ensure_ascii=False))))
    vocabulary = {word: number for number, word in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    named = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), special, strict=True))
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(vocabulary), hidden_size=1024, num_hidden_layers=1, num_attention_heads=4, intermediate_size=32,
        max_position_embeddings=130, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    XLMRobertaModel(config).eval().save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)


@pytest.fixture
def at_desk(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test runs in that folder, with its hub cache and a cache of vectors that all commands share."""
    from huggingface_hub import constants

    monkeypatch.chdir(desk)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(desk / "hub"))
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(desk / "cache"))
    plt.switch_backend("agg")
    return desk


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of an endpoint that gives vectors of the length of the heads, and knows nothing."""
    with serving(Loopback(encode=lambda texts: made_up(texts, 128))) as server:
        yield server.address


# --- the tests ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_every_python_block_of_a_page_runs(
    page: Path, at_desk: Path, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = []
    for left in at_desk.glob("checkpoints/bgem3_projection_*"):
        left.unlink()  # a page is read by itself: the training of another page is not in the reader's folder
    for block in blocks("bash", "console", "python", "yaml"):
        if block.page == page and block.language == "python":
            exec(compile(block.text, str(block), "exec"), {"__name__": "docs"})  # noqa: S102 - that is the test
        elif block.page == page:
            failed += [failure for command in commands(block) if (failure := run_command(command, capsys, endpoint))]
    plt.close("all")
    assert failed == []


def run_command(command: str, capsys: pytest.CaptureFixture[str], endpoint: str) -> str | None:
    """Run a command of the documentation; what went wrong, or None. With ``--gate`` any verdict will do."""
    if command in NOT_RUN:
        return None
    command, _, target = command.replace(ENDPOINT, endpoint).partition(" > ")
    program, *words = shlex.split(command)
    assert program == "embedscope" or words[0] == "visualize_embeddings.py", f"{command}: neither run nor in NOT_RUN"
    words = ["visualize", *words[1:]] if program == "python" else words
    options = actions(cli.build_parser())
    letter = letter_of(words[0])
    cheap = {"--draws": "200", "--dpi": "50", "--examples": "1"}
    quick = [
        word
        for option, value in cheap.items()
        if letter in options[option] and option not in words
        for word in (option, value)
    ]
    capsys.readouterr()
    status = cli.main_original([*words[1:], *quick]) if program == "python" else cli.main([*words, *quick])
    said = capsys.readouterr()
    if target:
        json.loads(said.out)
    allowed = {0, 1, 3} if "--gate" in words else {0, 3} if words[0] == "parity" else {0}
    return None if status in allowed else f"{command}: exit status {status}: {said.err[-300:]}"


def test_every_command_that_is_shown_exists_with_every_option() -> None:
    for page, command in runnable():
        _, *words = shlex.split(command.partition(" > ")[0])
        parser = cli.build_original_parser() if words[0].endswith(".py") else cli.build_parser()
        try:
            parser.parse_args(words[1:] if words[0].endswith(".py") else words)
        except SystemExit:
            pytest.fail(f"{page.name}: {command}")


def test_nothing_is_listed_as_not_run_that_is_not_shown() -> None:
    shown = {command for block in blocks("bash", "console") for command in commands(block)}
    shown |= {line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()}
    assert set(NOT_RUN) <= shown


def actions(parser: argparse.ArgumentParser) -> dict[str, set[str]]:
    """Option (or positional) to the initials of the commands that take it."""
    found: dict[str, set[str]] = {}
    for name, command in subcommands(parser).items():
        for action in command._actions:
            if not isinstance(action, argparse._HelpAction):
                option = action.option_strings[-1] if action.option_strings else str(action.metavar)
                found.setdefault(option, set()).add(letter_of(name))
    return found


def letter_of(command: str) -> str:
    """The letter that stands for a command in the table of options."""
    return {"parity": "Y", "serve": "L"}.get(command, command[0].upper())  # P is plan, S is shard


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Every command with its parser."""
    choices = next(a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(choices or {})


def test_the_table_of_options_holds_every_option_of_every_command() -> None:
    guide = (ROOT / "docs" / "visualization-guide.md").read_text(encoding="utf-8")
    section = guide.split("## 5. All options")[1].split("\n## ")[0]
    listed = {
        match[1]: set(match[2].split())
        for match in re.finditer(r"^\| `([-\w]+)` \| ([A-Z ]+?) \|", section, re.MULTILINE)
    }
    assert listed == actions(cli.build_parser())


def test_every_option_has_a_help_text() -> None:
    for name, command in subcommands(cli.build_parser()).items():
        for action in command._actions:
            assert action.help, f"{name} {action.option_strings}"


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in subcommands(cli.build_parser()):
        assert f"`embedscope {name}" in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(other), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    headings = HEADING.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_pictures_of_the_documentation_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").glob("*"))
    assert pictures
    assert all(path.suffix == ".png" and path.stat().st_size < 300_000 for path in pictures)


@pytest.mark.parametrize("block", [block for block in blocks("toml") if "[[criterion]]" in block.text], ids=str)
def test_the_criteria_that_are_shown_can_be_read(block: Block, tmp_path: Path) -> None:
    (tmp_path / "shown.toml").write_text(block.text, encoding="utf-8")
    assert load_criteria(str(tmp_path / "shown.toml")).criteria


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_the_json_that_is_shown_is_json(block: Block) -> None:
    json.loads(block.text)


def test_the_checks_and_thresholds_in_the_readme_are_those_of_the_profile() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for criterion in load_criteria("checklist").criteria:
        row = next(line for line in readme.splitlines() if line.startswith(f"| {criterion.title}"))
        assert f"{criterion.direction} {criterion.threshold:g}" in row


def test_the_files_in_the_readme_are_those_that_are_written() -> None:
    from embedscope.output.picture_process import PICTURES
    from embedscope.output.run_files import TABLES

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in (*TABLES, *(f"{picture}.png" for picture in PICTURES)):
        assert f"`{name}`" in readme


def test_no_page_names_a_path_of_one_machine() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|work|tmp|Users)/", text), page.name
