"""The command that installs an extra is one that works for the installation at hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from embedscope import installation
from embedscope.errors import MissingExtraError
from embedscope.installation import install_command, quoted, requirement_of


class Installed:
    """A distribution with this ``direct_url.json``."""

    def __init__(self, origin: dict[str, Any] | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of its own, without pip, with embedscope from an index."""
    folder = tmp_path / "env"
    folder.mkdir()
    monkeypatch.setattr(sys, "prefix", str(folder))
    monkeypatch.setattr(sys, "executable", str(folder / "bin" / "python"))
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    monkeypatch.setattr(installation, "distribution", lambda name: Installed(None))
    return folder


def made_by_uv(prefix: Path) -> None:
    prefix.mkdir(parents=True, exist_ok=True)
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.13.9\n")


def test_from_an_index_the_name_suffices() -> None:
    assert requirement_of("demo", {}) == "embedscope[demo]"


def test_from_a_checkout_its_folder_is_named_or_a_dot_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my checkout"
    folder.mkdir()
    origin = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    assert requirement_of("demo", origin) == f"{folder}[demo]"
    monkeypatch.chdir(folder)
    assert requirement_of("demo", origin) == ".[demo]"


def test_from_a_wheel_the_file_is_named_while_it_is_there(tmp_path: Path) -> None:
    wheel = tmp_path / "embedscope-0.1.0-py3-none-any.whl"
    origin = {"url": wheel.as_uri(), "archive_info": {}}
    assert requirement_of("demo", origin) == "embedscope[demo]"
    wheel.touch()
    assert requirement_of("demo", origin) == f"{wheel}[demo]"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (
            {
                "url": "https://example.org/e.git",
                "vcs_info": {"vcs": "git", "requested_revision": "v1"},
            },
            "embedscope[mcp] @ git+https://example.org/e.git@v1",
        ),
        (
            {"url": "https://example.org/e.git", "vcs_info": {"vcs": "git"}, "subdirectory": "a/b"},
            "embedscope[mcp] @ git+https://example.org/e.git#subdirectory=a/b",
        ),
        (
            {"url": "https://example.org/e-0.1.0-py3-none-any.whl", "archive_info": {}},
            "embedscope[mcp] @ https://example.org/e-0.1.0-py3-none-any.whl",
        ),
    ],
)
def test_from_git_or_an_address_it_is_given_after_the_name(origin: dict[str, Any], expected: str) -> None:
    assert requirement_of("mcp", origin) == expected


def test_an_environment_that_is_not_active_is_named_by_its_python(prefix: Path) -> None:
    assert install_command("demo") == f"{quoted(sys.executable)} -m pip install {quoted('embedscope[demo]')}"


def test_pip_of_the_active_environment_is_called_by_its_name(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.shutil, "which", lambda name: str(prefix / "bin" / name))
    assert install_command("demo") == f"pip install {quoted('embedscope[demo]')}"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("venv", "uv pip install {}"),
        ("cache/uv/archive-v0/abc", "uvx --from {} embedscope"),
        ("cache/uv/environments-v2/abc", "uvx --from {} embedscope"),
    ],
)
def test_in_an_environment_of_uv_without_pip_it_is_uv_that_installs(
    prefix: Path, place: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_by_uv(prefix / place)
    monkeypatch.setattr(sys, "prefix", str(prefix / place))
    assert install_command("demo") == expected.format(quoted("embedscope[demo]"))


def test_a_tool_of_uv_is_installed_again_with_the_extra(prefix: Path) -> None:
    made_by_uv(prefix)
    (prefix / "uv-receipt.toml").touch()
    assert install_command("demo") == f"uv tool install {quoted('embedscope[demo]')}"


def test_an_editable_installation_stays_editable(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = {"url": prefix.as_uri(), "dir_info": {"editable": True}}
    monkeypatch.setattr(installation, "distribution", lambda name: Installed(origin))
    assert install_command("demo").endswith(f"pip install --editable {quoted(f'{prefix}[demo]')}")


def test_where_nothing_is_installed_the_checkout_that_runs_is_named(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Installed:
        raise installation.PackageNotFoundError(name)

    monkeypatch.setattr(installation, "distribution", absent)
    checkout = Path(installation.__file__).parents[2]
    assert install_command("demo").endswith(quoted(f"{checkout}[demo]")) or Path.cwd() == checkout


def test_the_error_of_a_missing_extra_ends_with_the_command() -> None:
    error = MissingExtraError(needed_for="The demo", package="torch", extra="demo")
    assert str(error).endswith(f"Install it with: {install_command('demo')}")
