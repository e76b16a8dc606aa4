"""The files around the code agree with it: CI, hooks, issue forms, citation, policies."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedscope import __version__

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
HOOKS = ROOT / ".pre-commit-config.yaml"
CITATION = ROOT / "CITATION.cff"
YAML_FILES = sorted([*(ROOT / ".github").rglob("*.yml"), ROOT / "action.yml", HOOKS, CITATION])
PAGES = [ROOT / "SECURITY.md", ROOT / ".github" / "pull_request_template.md"]
"""Pages with links; those in ``docs/`` are read by ``tests/test_docs.py``."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

MAY_WRITE = {
    ("docs.yml", "deploy"): {"pages": "write", "id-token": "write"},
    ("release.yml", "attest"): {"contents": "read", "id-token": "write", "attestations": "write"},
    ("release.yml", "publish"): {"contents": "read", "id-token": "write"},
}
"""(workflow, job) -> what it may do beyond reading: jobs on main or a tag that run no code of this repository."""

PINNED = re.compile(r"[\w.-]+/[\w./-]+@(v\d+|[0-9a-f]{40})")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in read(workflow)["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("path", YAML_FILES, ids=name_of)
def test_every_yaml_file_holds_a_mapping(path: Path) -> None:
    assert isinstance(read(path), dict)


# --- CI -----------------------------------------------------------------------------------------------------------


def test_the_matrix_is_the_python_versions_that_the_package_claims() -> None:
    claimed = re.findall(r"Programming Language :: Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    job = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["check"]
    assert job["strategy"]["matrix"]["python-version"] == claimed
    assert PROJECT["requires-python"] == f">={claimed[0]}"


def test_every_version_is_quoted_so_that_yaml_reads_no_number() -> None:
    for workflow in WORKFLOWS:
        for step in steps(workflow):
            for option, value in step.get("with", {}).items():
                assert not option.endswith("-version") or isinstance(value, str), f"{workflow.name}: {option}: {value}"


def test_node_in_ci_is_one_that_the_front_end_admits() -> None:
    package = (ROOT / "web" / "package.json").read_text(encoding="utf-8")
    lowest = re.search(r'"node": ">=(\d+)', package)
    assert lowest
    for workflow in WORKFLOWS:
        for step in steps(workflow):
            if "setup-node" in step.get("uses", ""):
                assert int(step["with"]["node-version"].split(".")[0]) >= int(lowest[1])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name_of)
def test_every_action_is_pinned(workflow: Path) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    for action in used:
        assert PINNED.fullmatch(action), f"{workflow.name}: {action}"


def test_every_workflow_is_one_by_the_schema_of_github() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    pytest.importorskip("check_jsonschema")
    done = subprocess.run([*check, *map(str, WORKFLOWS)], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name_of)
def test_a_job_that_runs_our_code_may_only_read(workflow: Path) -> None:
    content = read(workflow)
    assert content["permissions"] == {"contents": "read"}
    for name, job in content["jobs"].items():
        allowed = MAY_WRITE.get((workflow.name, name))
        assert job.get("permissions") == allowed
        if allowed is not None:
            assert "refs/heads/main" in job["if"] or "github.ref_type == 'tag'" in job["if"]
            assert all("run" not in step and "checkout" not in step["uses"] for step in job["steps"])
    text = workflow.read_text(encoding="utf-8")
    assert "pull_request_target" not in text
    assert "secrets." not in text


def test_every_target_of_make_that_ci_runs_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    runs = [target for workflow in WORKFLOWS for step in steps(workflow) for target in _made(step.get("run", ""))]
    assert set(runs) >= {"check", "test"}
    assert set(runs) <= targets


def _made(script: str) -> list[str]:
    return re.findall(r"\bmake ([\w-]+)", script)


def test_a_test_that_ci_would_leave_out_fails() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"].values()
    full = [job for job in jobs if any(_made(step.get("run", "")) == ["test"] for step in job["steps"])]
    assert [job["env"]["EMBEDSCOPE_REQUIRE_ALL"] for job in full] == ["1"]


# --- pre-commit ---------------------------------------------------------------------------------------------------


def test_the_hooks_run_the_ruff_that_make_lint_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    local = next(group for group in read(HOOKS)["repos"] if group["repo"] == "local")
    for hook in local["hooks"]:
        program, command = hook["entry"].split()[:2]
        assert program == ".venv/bin/ruff"
        assert f"$(BIN)/ruff {command} " in makefile


def test_hooks_of_other_repositories_are_pinned_to_a_version() -> None:
    others = [group for group in read(HOOKS)["repos"] if group["repo"] != "local"]
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", group["rev"]) for group in others)


# --- issue forms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=name_of)
def test_an_issue_form_asks_each_question_once(form: Path) -> None:
    content = read(form)
    assert content["name"]
    assert content["description"]
    questions = [field for field in content["body"] if field["type"] != "markdown"]
    for key in (
        [field["id"] for field in questions],
        [field["attributes"]["label"] for field in questions],
    ):
        assert len(set(key)) == len(key) > 0
    assert any(field.get("validations", {}).get("required") for field in questions)


# --- citation and release -----------------------------------------------------------------------------------------


def test_the_citation_has_what_the_format_requires() -> None:
    citation = read(CITATION)
    assert citation["cff-version"] == "1.2.0"
    assert {"title", "message", "authors"} <= citation.keys()


def test_the_citation_says_what_the_package_says() -> None:
    citation = read(CITATION)
    assert citation["version"] == __version__
    assert citation["title"] == PROJECT["name"]
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


def test_a_version_with_a_date_in_the_changelog_has_it_in_the_citation_and_no_other_has() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(rf"^## \[{re.escape(__version__)}\] - (Unreleased|\d{{4}}-\d\d-\d\d)$", changelog, re.MULTILINE)
    assert heading, f"CHANGELOG.md has no section for {__version__}"
    released = None if heading[1] == "Unreleased" else heading[1]
    stated = read(CITATION).get("date-released")
    assert (None if stated is None else str(stated)) == released


def test_security_fixes_are_promised_for_the_minor_version_at_hand() -> None:
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    minor = ".".join(__version__.split(".")[:2])
    assert re.search(rf"^\| {re.escape(minor)} \| yes \|$", policy, re.MULTILINE)


def test_publishing_waits_for_a_person() -> None:
    publish = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["publish"]
    assert publish["environment"]["name"] == "pypi"
    assert "vars.PUBLISH_TO_PYPI == 'true'" in publish["if"]


def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    recipe = read(ROOT / "conda" / "recipe" / "recipe.yaml")
    named = {"matplotlib-base": "matplotlib"}
    needed = [line.replace(" ", "") for line in recipe["requirements"]["run"][1:]]
    assert [named.get(name, name) + bound for name, bound in map(_parted, needed)] == PROJECT["dependencies"]
    assert recipe["context"]["version"] == __version__
    assert recipe["about"]["summary"] in PROJECT["description"]
    assert [name for name in recipe["about"]["license_file"] if not (ROOT / name).is_file()] == []


def _parted(requirement: str) -> tuple[str, str]:
    name, sign, version = requirement.partition(">=")
    return name, sign + version


def test_the_image_runs_unprivileged_and_copies_what_docker_is_given() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    given = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    copied = {name for names in copies for name in names}
    assert copied == given
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert [int(line.split()[1]) > 0 for line in lines if line.startswith("USER ")] == [True]
    assert 'ENTRYPOINT ["embedscope"]' in lines


# --- pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_outside_docs_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_page_architecture_names_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    source = ROOT / "src" / "embedscope"
    packages = {path.parent.name for path in source.glob("*/__init__.py")}
    modules = {path.stem for path in source.glob("*.py") if not path.stem.startswith("__")}
    assert {name for name in packages | modules if f"`{name}`" not in page} == set()
