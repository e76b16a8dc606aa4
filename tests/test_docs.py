"""The documentation is run: every command and every piece of Python in it, its table of options, its links.

Commands run in a folder of small files that go by the names the documentation uses (`tests/support/desk.py`).
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from tests.support.desk import BLOCK, ENDPOINT, PAGES, ROOT, Block, blocks, commands, write_desk
from tests.support.loopback import Loopback, made_up, serving

from embedscope.cli import demo_command
from embedscope.cli import main as cli
from embedscope.decide.criteria import load_criteria

NOT_RUN = {
    "make demo": "installs; the test of the demo runs what it starts",
    "make test": "installs, and runs this test",
    "make check": "installs, and may run this test",
    "make site": "needs minutes for the gallery; tests/browser/test_site.py builds the site without it",
    "make bundle": "needs Node; make test rebuilds the bundle where Node is found",
    "pip install '.[models]'": "installs",
    "pip install '.[ray]'": "installs",
    "uvx --from dist/embedscope-0.1.0-py3-none-any.whl embedscope demo": "installs (tests/test_packaging.py)",
    "pip install 'embedscope[models] @ git+https://github.com/embedscope/embedscope'": "installs",
    "uv pip install --torch-backend cpu 'embedscope[models]'": "installs",
    "uvx embedscope demo": "installs (tests/test_packaging.py)",
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
    "embedscope mcp runs/": "answers until its input ends; tests/agents starts and ends it",
    "embedscope demo": "a test of its own runs it (tests/cli/test_demo_command.py)",
    "python -m tools.sample_data --output rental_data": "a test of its own runs it (tests/data)",
}
"""Commands of the documentation that are not run here, and why."""

HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
DRAWN = re.compile(r"gallery/[a-z-]+\.html")
"""Pages that `python -m tools.gallery` draws into the site; tests/test_gallery.py holds their names."""


def runnable() -> list[tuple[Path, str]]:
    """(page, command) of every command that is run."""
    shown = [(block.page, command) for block in blocks("bash", "console", "yaml") for command in commands(block)]
    return [(page, command) for page, command in shown if command not in NOT_RUN]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file that the documentation speaks of."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("desk")
    write_desk(folder)
    return folder


@pytest.fixture
def at_desk(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test runs in that folder, with its hub cache and a cache of vectors that all commands share."""
    from huggingface_hub import constants

    monkeypatch.chdir(desk)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(desk / "hub"))
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(desk / "cache"))
    monkeypatch.setattr(demo_command, "sample_path", lambda split: desk / "data" / f"{split}.json")
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
    names: dict[str, object] = {"__name__": "docs"}  # the Python of a page goes on where it stopped
    for left in at_desk.glob("checkpoints/bgem3_projection_*"):
        left.unlink()  # a page is read by itself: the training of another page is not in the reader's folder
    for block in blocks("bash", "console", "python", "yaml"):
        if block.page == page and block.language == "python":
            exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - that is the test
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
    return {"parity": "Y", "serve": "L", "mcp": "X"}.get(command, command[0].upper())  # P is plan, S shard, M migrate


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


def test_every_command_is_in_the_table_of_commands() -> None:
    table = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in subcommands(cli.build_parser()):
        assert f"| `embedscope {name}" in table


def test_the_readme_is_read_in_a_minute_or_three() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 900


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("http://", "https://")) or DRAWN.fullmatch(target):
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
    pictures = [path for path in (ROOT / "docs" / "images").rglob("*") if path.is_file()]
    assert pictures
    assert all(path.suffix in {".png", ".svg"} and path.stat().st_size < 300_000 for path in pictures)


@pytest.mark.parametrize("block", [block for block in blocks("toml") if "[[criterion]]" in block.text], ids=str)
def test_the_criteria_that_are_shown_can_be_read(block: Block, tmp_path: Path) -> None:
    (tmp_path / "shown.toml").write_text(block.text, encoding="utf-8")
    assert load_criteria(str(tmp_path / "shown.toml")).criteria


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_the_json_that_is_shown_is_json(block: Block) -> None:
    json.loads(block.text)


def test_the_checks_and_thresholds_that_are_shown_are_those_of_the_profile() -> None:
    page = (ROOT / "docs" / "verdict.md").read_text(encoding="utf-8")
    for criterion in load_criteria("checklist").criteria:
        row = next(line for line in page.splitlines() if line.startswith(f"| {criterion.title}"))
        assert f"{criterion.direction} {criterion.threshold:g}" in row


def test_the_files_that_are_shown_are_those_that_are_written() -> None:
    from embedscope.output.picture_process import PICTURES
    from embedscope.output.run_files import TABLES

    page = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
    for name in (*TABLES, *(f"{picture}.png" for picture in PICTURES)):
        assert f"`{name}`" in page


def test_no_page_names_a_path_of_one_machine() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|work|tmp|Users)/", text), page.name
