"""The workflows and the commit hook call make targets that exist, and actions pinned by commit."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.tree import ROOT, make_targets

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"^\s*(?:- )?uses: (actions/[a-z-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
ALLOWED_ACTIONS = {
    "actions/checkout", "actions/setup-python", "actions/upload-artifact", "actions/upload-pages-artifact",
    "actions/deploy-pages",
}  # fmt: skip
TO_PUBLISH = {"contents": "read", "pages": "write", "id-token": "write"}
"""What the one job that publishes pages may do."""


def load(path: Path) -> dict[Any, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def triggers(workflow: dict[Any, Any]) -> dict[str, Any]:
    """What starts it. YAML 1.1 reads the key `on` as true."""
    found = workflow[True]
    assert isinstance(found, dict)
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


def commands(workflow: str) -> list[str]:
    return [step["run"] for step in steps(ROOT / ".github" / "workflows" / workflow) if "run" in step]


def goals(command: str) -> list[str]:
    """The make targets of `make goal NAME=value`, those inside GOALS included; fails at anything else."""
    program, *words = shlex.split(command)
    assert program == "make", f"a step runs something else than make: {command!r}"
    found = []
    for word in words:
        setting = re.fullmatch(r"([A-Z_]+)=([\w ./-]*)", word)
        if setting:
            found += setting[2].split() if setting[1] == "GOALS" else []
        else:
            assert re.fullmatch(r"[a-z][a-z-]*", word), f"not a make target: {word!r} in {command!r}"
            found.append(word)
    return found


def test_there_are_workflows():
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "gpu.yml", "pages.yml"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_step_is_a_make_target_that_exists_or_a_known_action(path):
    targets = make_targets()
    for step in steps(path):
        assert ("run" in step) != ("uses" in step), step
        if "run" in step:
            wanted = goals(step["run"])
            assert wanted, step
            assert set(wanted) <= targets, f"{path.name}: {set(wanted) - targets} are not in the Makefile"
        else:
            assert step["uses"].split("@")[0] in ALLOWED_ACTIONS, step


@pytest.mark.parametrize(
    "command", ["pip install x", "make test && curl x", "make test; make lint", "make $X"]
)
def test_a_step_of_another_kind_would_be_found(command):
    with pytest.raises(AssertionError):
        goals(command)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_with_the_release_beside_it(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert PINNED.match(line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_the_repository_and_ends_by_itself(path):
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] > 0, name
        assert job.get("permissions") == (TO_PUBLISH if path.name == "pages.yml" else None), name


def test_both_pythons_are_tested_and_run_the_smoke_campaign_against_golden():
    jobs = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    for name in ("test", "campaign", "nightly"):
        assert jobs[name]["env"]["PYTHON"] == "python${{ matrix.python }}"
        assert jobs[name]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    assert jobs["campaign"]["env"]["PROFILE"] == "smoke"
    runs = [step["run"] for step in jobs["campaign"]["steps"] if "run" in step]
    assert runs.index("make reproduce") < runs.index("make check") < runs.index("make pdf")
    assert {"make lint", "make test", "make test-all"} <= set(commands("ci.yml"))


def test_the_report_of_a_campaign_whose_numbers_are_off_is_made_and_kept_too():
    found = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["campaign"]["steps"]
    checked = next(at for at, step in enumerate(found) if step.get("run") == "make check")
    after = found[checked + 1 :]
    assert [step.get("run", step.get("uses", "").split("@")[0]) for step in after] == [
        "make pdf", "actions/upload-artifact",
    ]  # fmt: skip
    assert {step.get("if") for step in after} == {"${{ !cancelled() }}"}
    assert after[-1]["with"]["if-no-files-found"] == "error"


@pytest.mark.parametrize(("job", "goal"), [("test", "test"), ("campaign", "pdf"), ("nightly", "test-all")])
def test_latex_is_installed_before_what_needs_it_or_is_skipped_without(job, goal):
    found = load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"][job]["steps"]
    runs = [step["run"] for step in found if "run" in step]
    assert runs.index("make tex") < runs.index(f"make {goal}")


def test_everything_runs_at_night_and_only_then():
    workflow = load(ROOT / ".github" / "workflows" / "ci.yml")
    assert triggers(workflow)["schedule"]
    at_night = {
        name for name, job in workflow["jobs"].items() if job["if"] == "github.event_name == 'schedule'"
    }
    assert at_night == {"nightly"}


def test_a_runner_with_a_gpu_is_reached_by_hand_only_and_runs_the_paper_profile():
    workflow = load(ROOT / ".github" / "workflows" / "gpu.yml")
    assert set(triggers(workflow)) == {"workflow_dispatch"}
    assert triggers(workflow)["workflow_dispatch"]["inputs"]["profile"]["default"] == "paper"
    assert "self-hosted" in workflow["jobs"]["paper"]["runs-on"]
    assert "make docker-reproduce" in commands("gpu.yml")


def test_pages_are_published_by_hand_only_and_hold_the_explorer() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "pages.yml")
    assert set(triggers(workflow)) == {"workflow_dispatch"}
    assert commands("pages.yml") == ["make venv", "make render", "make explorer"]


def test_the_commit_hook_calls_make_and_needs_no_hook_repository():
    repositories = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        assert set(goals(hook["entry"])) <= make_targets()
