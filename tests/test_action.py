"""The files with which others gate their models: the GitHub Action, the pre-commit hook, the snippets of docs/ci.md.

The scripts of the action run here as a runner runs them: with its shell, its files and its variables.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.scene import write_rows, write_vectors

from embedscope.cli.arguments import COMMANDS
from embedscope.data.sample import sample_path

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
SCRIPTS = {step["name"]: step for step in STEPS if "run" in step}
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / "ci.md").read_text(encoding="utf-8"), re.M | re.S)
WORKFLOW, GITLAB, PRE_COMMIT = SNIPPETS
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
TOKEN = {"GH_TOKEN": "none"}
HOSTILE = "a'b\"c $(touch pwned) `touch pwned` ; touch pwned & | > pwned"

needs_bash = pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="needs bash")


# --- forms --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ("github-actions", (ROOT / "action.yml").read_text(encoding="utf-8")),
        ("github-workflows", WORKFLOW),
        ("gitlab-ci", GITLAB),
        *(
            ("github-workflows", path.read_text(encoding="utf-8"))
            for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
        ),
    ],
)
def test_every_file_of_ci_has_the_form_that_its_system_reads(schema: str, text: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("needs check-jsonschema")
    file = tmp_path / "file.yml"
    file.write_text(text, encoding="utf-8")
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_input_is_pasted_into_a_script() -> None:
    assert all("${{" not in step["run"] for step in SCRIPTS.values())


def test_every_input_is_used_and_every_use_is_an_input() -> None:
    used = set(re.findall(r"\binputs\.([\w-]+)", json.dumps(ACTION)))
    assert used == set(ACTION["inputs"])


def test_every_action_that_is_used_is_pinned_to_a_version() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in used)
    assert len(used) == 3


def test_the_options_of_the_action_are_those_of_evaluate() -> None:
    evaluate = next(command for command in COMMANDS if command.name == "evaluate")
    known = {f"--{name.replace('_', '-')}" for group in evaluate.groups for name in _names(group)}
    assert set(re.findall(r"(?<=\s)--[\w-]+(?=[ =])", SCRIPTS["Judge"]["run"])) - {"--"} <= known


def _names(group: Any) -> tuple[str, ...]:
    from embedscope.settings import options_of

    return group.names or tuple(options_of(group.settings))


def test_the_snippets_name_inputs_and_hooks_that_exist() -> None:
    (job,) = yaml.safe_load(WORKFLOW)["jobs"].values()
    assert set(job["steps"][-1]["with"]) <= set(ACTION["inputs"])
    (repository,) = yaml.safe_load(PRE_COMMIT)["repos"]
    assert [hook["id"] for hook in repository["hooks"]] == [hook["id"] for hook in HOOKS]


@needs_bash
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_is_bash(name: str) -> None:
    done = subprocess.run(["bash", "-n"], input=SCRIPTS[name]["run"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_finds_nothing(name: str) -> None:
    words = ["shellcheck", "--shell=bash", "--exclude=SC2153", "-"]  # NAME comes from the environment
    done = subprocess.run(words, input=SCRIPTS[name]["run"], capture_output=True, text=True)
    assert done.stdout == ""


# --- the scripts run ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Runner:
    """A runner of GitHub: a workspace, files that steps write into, and programs on the path."""

    workspace: Path

    def step(self, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script of a step; variables of the step that are not named are empty inputs."""
        step = SCRIPTS[name]
        values = {**dict.fromkeys(step["env"], ""), **environment}
        known = {
            "PATH": f"{self.workspace / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "HOME": str(self.workspace),
            "RUNNER_TEMP": str(self.workspace / "temp"),
            "GITHUB_OUTPUT": str(self.workspace / "output"),
            "GITHUB_STEP_SUMMARY": str(self.workspace / "summary"),
            "GITHUB_REPOSITORY": "owner/name",
            "CALLS": str(self.workspace / "calls"),
        }
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        return subprocess.run(words, cwd=self.workspace, env={**known, **values}, capture_output=True, text=True)

    def judged(self, **environment: str) -> Mapping[str, str]:
        """The outputs of the step that judges, and the name."""
        (self.workspace / "output").unlink(missing_ok=True)
        name = self.step("Name", NAME=environment.pop("NAME", "embedscope"))
        assert (name.returncode, name.stderr) == (0, "")
        named = (self.workspace / "output").read_text(encoding="utf-8").rstrip("\n")
        done = self.step("Judge", **{"CRITERIA": "ranks", "NAME": named.removeprefix("name=")} | environment)
        assert done.returncode == 0, done.stderr
        lines = (self.workspace / "output").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    (tmp_path / "temp").mkdir()
    _program(tmp_path / "bin" / "embedscope", f'exec "{sys.executable}" -m embedscope "$@"')
    _program(tmp_path / "bin" / "python", f'exec "{sys.executable}" "$@"')
    return Runner(tmp_path)


def _program(path: Path, line: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


@needs_bash
@pytest.mark.parametrize(
    ("quality", "n", "status", "verdict"),
    [(1.0, 60, "0", "deploy"), (0.0, 60, "1", "retrain"), (0.55, 60, "3", "undecided"), (1.0, 12, "3", "unfit")],
)
def test_the_outputs_are_the_verdict_and_the_status(
    quality: float, n: int, status: str, verdict: str, runner: Runner
) -> None:
    data = write_rows(runner.workspace / "data.json", n)
    write_vectors(runner.workspace / "vectors.npz", data, quality)
    found = runner.judged(EMBEDDINGS="vectors.npz", DATA="data.json\n", OPTIONS="--draws\n500\n")
    assert (found["status"], found["verdict"]) == (status, verdict)
    report = json.loads((Path(found["folder"]) / "report.json").read_text(encoding="utf-8"))
    assert report["verdict"]["outcome"] == verdict
    assert report["n_draws"] == 500
    assert {"run", "junit.xml", "summary.md"} == {path.name for path in Path(found["files"]).iterdir()}
    assert verdict in (runner.workspace / "summary").read_text(encoding="utf-8").lower()


@needs_bash
def test_input_that_cannot_be_used_has_no_verdict_and_the_message_of_the_command(runner: Runner) -> None:
    found = runner.judged(EMBEDDINGS="absent.npz", DATA="absent.json")
    assert (found["status"], found["verdict"]) == ("2", "none")
    assert not (runner.workspace / "summary").exists()


@needs_bash
def test_options_cannot_move_what_the_action_reads(runner: Runner) -> None:
    data = write_rows(runner.workspace / "data.json", 40)
    write_vectors(runner.workspace / "vectors.npz", data, 1.0)
    options = "--draws\n200\n--output\nelsewhere\n--summary\nelsewhere.md\n"
    found = runner.judged(EMBEDDINGS="vectors.npz", DATA="data.json", OPTIONS=options)
    assert found["verdict"] in ("deploy", "unfit")
    assert not (runner.workspace / "elsewhere").exists()
    assert (runner.workspace / "summary").exists()


@needs_bash
@pytest.mark.parametrize(("name", "kept"), [("", "embedscope"), ("模型", "embedscope"), ("a, b\nc", "abc")])
def test_a_name_is_one_that_caches_and_artifacts_may_have(name: str, kept: str, runner: Runner) -> None:
    runner.step("Name", NAME=name)
    assert (runner.workspace / "output").read_text(encoding="utf-8") == f"name={kept}\n"


def test_no_path_of_an_input_is_a_pattern_for_the_runner() -> None:
    assert "hashFiles" not in json.dumps([step.get("with") for step in STEPS])


@needs_bash
def test_several_data_sets_are_one_path_a_line(runner: Runner) -> None:
    for number in (1, 2):
        data = write_rows(runner.workspace / f"set {number}.json", 40 + number)
        write_vectors(runner.workspace / "vectors" / f"set-{number}.npz", data, 1.0)
    found = runner.judged(EMBEDDINGS="vectors/{set}.npz", DATA="set 1.json\nset 2.json\n", OPTIONS="--draws\n200")
    assert found["status"] in ("0", "3")
    report = json.loads((Path(found["folder"]) / "report.json").read_text(encoding="utf-8"))
    assert len(report["sets"]) == 2


@needs_bash
def test_an_input_with_signs_of_the_shell_is_a_name_and_does_nothing(runner: Runner) -> None:
    data = write_rows(runner.workspace / HOSTILE.replace("/", "") / "data.json", 40)
    write_vectors(runner.workspace / "vectors.npz", data, 1.0)
    name = data.relative_to(runner.workspace).as_posix()
    given = {"EMBEDDINGS": "vectors.npz", "DATA": name, "OPTIONS": "--draws\n200"}
    found = runner.judged(**given, NAME=f"../x {HOSTILE}\nverdict=deploy")
    assert found["status"] in ("0", "3"), found
    assert found["verdict"] != "none"
    assert re.fullmatch(r"[\w.-]+", found["name"])
    for refused in ({"CHECKPOINT": HOSTILE}, {"TRAIN": "--help"}, {"DATA": "--help"}, {"OPTIONS": HOSTILE}):
        assert runner.judged(**given | refused)["status"] == "2"
    assert not list(runner.workspace.rglob("pwned"))


@needs_bash
@pytest.mark.parametrize(
    ("status", "allowed", "expected"),
    [("0", "false", 0), ("1", "true", 1), ("2", "true", 2), ("3", "false", 3), ("3", "true", 0), ("70", "true", 70)],
)
def test_the_gate_lets_undecided_pass_only_where_that_is_allowed(
    status: str, allowed: str, expected: int, runner: Runner
) -> None:
    done = runner.step("Gate", STATUS=status, VERDICT="undecided", ALLOW_UNDECIDED=allowed)
    assert done.returncode == expected
    assert ("::warning::" in done.stdout) == (status == "3" and expected == 0)


@needs_bash
@pytest.mark.parametrize("before", ["", "a"])  # the cut comes between two characters, or within one
@pytest.mark.parametrize(
    ("posted", "method"),
    [("", "POST repos/owner/name/issues/7/comments"), ("41", "PATCH repos/owner/name/issues/comments/41")],
)
def test_a_comment_is_posted_once_and_then_updated(posted: str, method: str, before: str, runner: Runner) -> None:
    files = runner.workspace / "files"
    files.mkdir()
    (files / "summary.md").write_text(before + "é" * 40_000, encoding="utf-8")
    _program(
        runner.workspace / "bin" / "gh",
        f'echo "$*" >> "$CALLS"; case "$*" in *--paginate*) test -n "$MARKER" && printf "%s" "{posted}" ;; esac',
    )
    done = runner.step("Comment", **TOKEN, NUMBER="7", FILES=str(files), NAME="embedscope")
    assert done.returncode == 0, done.stderr
    _, asked, sent = (runner.workspace / "calls").read_text(encoding="utf-8").splitlines()
    assert "repos/owner/name/issues/7/comments" in asked
    assert f"--method {method}" in sent
    body = (files / "comment.md").read_text(encoding="utf-8")
    assert body.startswith("<!-- embedscope: embedscope -->\n")
    assert len(body) < 65_536
    assert body.endswith("é")


@needs_bash
@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
@pytest.mark.parametrize(
    ("me", "updated"), [("exit 1", "2"), ("echo someone", "3")], ids=["token of the workflow", "token of a person"]
)
def test_the_comment_that_is_updated_is_one_of_its_own(me: str, updated: str, runner: Runner) -> None:
    files, marker = runner.workspace / "files", "<!-- embedscope: embedscope -->\n"
    files.mkdir()
    (files / "summary.md").write_text("summary", encoding="utf-8")
    owners = [("Bot", "bot", "other"), ("Bot", "bot", marker), ("User", "someone", marker), ("User", "else", marker)]
    comments = [
        {"id": number, "user": {"type": kind, "login": login}, "body": body}
        for number, (kind, login, body) in enumerate(owners, start=1)
    ]
    (runner.workspace / "comments.json").write_text(json.dumps(comments), encoding="utf-8")
    _program(
        runner.workspace / "bin" / "gh",
        f'case "$2" in user) {me} ;; --paginate) jq -r "$5" comments.json ;; *) echo "$*" >> "$CALLS" ;; esac',
    )
    runner.step("Comment", **TOKEN, NUMBER="7", FILES=str(files), NAME="embedscope")
    assert f"issues/comments/{updated} " in (runner.workspace / "calls").read_text(encoding="utf-8")


@needs_bash
def test_a_comment_that_may_not_be_posted_is_a_warning(runner: Runner) -> None:
    files = runner.workspace / "files"
    files.mkdir()
    (files / "summary.md").write_text("summary", encoding="utf-8")
    _program(runner.workspace / "bin" / "gh", "exit 1")
    done = runner.step("Comment", **TOKEN, NUMBER="7", FILES=str(files), NAME="embedscope")
    assert done.returncode == 0
    assert "::warning::" in done.stdout


# --- the hook -----------------------------------------------------------------------------------------------------


def test_the_hook_passes_the_files_of_a_commit_to_an_audit_that_gates(tmp_path: Path) -> None:
    from embedscope.cli.main import main

    (hook,) = HOOKS
    program, *words = [*hook["entry"].split(), *hook["args"]]
    assert program == "embedscope"
    assert words[-1] == "--data"
    rows = json.loads(sample_path("test").read_text(encoding="utf-8"))
    files = [tmp_path / name for name in ("a.json", "b.json")]
    for place, file in enumerate(files):
        file.write_text(json.dumps(rows[40 * place : 40 * (place + 1)]), encoding="utf-8")
    assert main([*words, *map(str, files)]) == 0
    rows[4]["hard_neg"].append({"text": rows[4]["pos"], "type": "price", "weight": 1})
    files[0].write_text(json.dumps(rows[:40]), encoding="utf-8")
    assert main([*words, *map(str, files)]) == 3


@pytest.mark.parametrize("path", ["data/train.json", "sub/data/test.jsonl", "data/x/y.csv", "data/a.parquet"])
def test_the_hook_looks_at_data_files(path: str) -> None:
    assert re.search(HOOKS[0]["files"], path) is not None


@pytest.mark.parametrize("path", ["package.json", "metadata/x.json", "data/readme.md"])
def test_the_hook_leaves_other_files_alone(path: str) -> None:
    assert re.search(HOOKS[0]["files"], path) is None
