"""The workflows and the commit hook call make targets that exist, and actions pinned by commit."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from tests.packaging.tree import ROOT, make_targets

FILES = {path.name: path for path in (ROOT / ".github" / "workflows").glob("*.yml")}
WORKFLOWS: dict[str, Any] = {
    name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in FILES.items()
}
PINNED = re.compile(r"^\s*(?:- )?uses: (actions/[a-z-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
ALLOWED_ACTIONS = {
    "actions/checkout", "actions/setup-python", "actions/upload-artifact", "actions/upload-pages-artifact",
    "actions/deploy-pages",
}  # fmt: skip
TO_PUBLISH = {"contents": "read", "pages": "write", "id-token": "write"}
"""What the one job that publishes pages may do."""

every_workflow = pytest.mark.parametrize("name", WORKFLOWS)


def triggers(name: str) -> dict[str, Any]:
    """What starts it. YAML 1.1 reads the key `on` as true."""
    found: dict[str, Any] = WORKFLOWS[name][True]
    return found


def steps(name: str, *jobs: str) -> list[dict[str, Any]]:
    """Of the named jobs; of all by default."""
    return [step for job in jobs or WORKFLOWS[name]["jobs"] for step in WORKFLOWS[name]["jobs"][job]["steps"]]


def commands(name: str, *jobs: str) -> list[str]:
    return [step["run"] for step in steps(name, *jobs) if "run" in step]


def goals(command: str) -> set[str]:
    """The make targets of `make goal NAME=value`, those inside GOALS included; fails at anything else."""
    program, *words = shlex.split(command)
    assert program == "make", f"a step runs something else than make: {command!r}"
    found: set[str] = set()
    for word in words:
        setting = re.fullmatch(r"([A-Z_]+)=([\w ./-]*)", word)
        if setting:
            found |= set(setting[2].split()) if setting[1] == "GOALS" else set()
        else:
            assert re.fullmatch(r"[a-z][a-z-]*", word), f"not a make target: {word!r} in {command!r}"
            found.add(word)
    return found


def test_there_are_workflows() -> None:
    assert set(WORKFLOWS) == {"ci.yml", "gpu.yml", "pages.yml"}


@every_workflow
def test_every_step_is_a_make_target_that_exists_or_a_known_action_pinned_by_commit(name: str) -> None:
    for step in steps(name):
        assert ("run" in step) != ("uses" in step), step
        if "run" in step:
            assert goals(step["run"])
            assert goals(step["run"]) <= make_targets(), step
    lines = [line for line in FILES[name].read_text(encoding="utf-8").splitlines() if "uses:" in line]
    pinned = [PINNED.match(line) for line in lines]
    assert lines
    assert all(found and found[1] in ALLOWED_ACTIONS for found in pinned), lines


@pytest.mark.parametrize(
    "command", ["pip install x", "make test && curl x", "make test; make lint", "make $X"]
)
def test_a_step_of_another_kind_would_be_found(command: str) -> None:
    with pytest.raises(AssertionError):
        goals(command)


@every_workflow
def test_a_workflow_may_only_read_the_repository_and_ends_by_itself(name: str) -> None:
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    for job in WORKFLOWS[name]["jobs"].values():
        assert job["timeout-minutes"] > 0
        assert job.get("permissions") == (TO_PUBLISH if name == "pages.yml" else None)


def test_both_pythons_are_tested_and_run_the_smoke_campaign_against_golden() -> None:
    jobs = WORKFLOWS["ci.yml"]["jobs"]
    for name in ("test", "campaign", "nightly"):
        assert jobs[name]["env"]["PYTHON"] == "python${{ matrix.python }}"
        assert jobs[name]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    assert jobs["campaign"]["env"]["PROFILE"] == "smoke"
    assert {"make lint", "make test", "make test-all"} <= set(commands("ci.yml"))


def test_the_report_of_a_campaign_whose_numbers_are_off_is_made_and_kept_too() -> None:
    found = [step.get("run", step.get("uses", "").split("@")[0]) for step in steps("ci.yml", "campaign")]
    checked = found.index("make check")
    assert found.index("make reproduce") < checked
    assert found[checked + 1 :] == ["make pdf", "actions/upload-artifact"]
    after = steps("ci.yml", "campaign")[checked + 1 :]
    assert {step.get("if") for step in after} == {"${{ !cancelled() }}"}
    assert after[-1]["with"]["if-no-files-found"] == "error"


@pytest.mark.parametrize(("job", "goal"), [("test", "test"), ("campaign", "pdf"), ("nightly", "test-all")])
def test_latex_is_installed_before_what_needs_it_or_is_skipped_without(job: str, goal: str) -> None:
    runs = commands("ci.yml", job)
    assert runs.index("make tex") < runs.index(f"make {goal}")


def test_everything_runs_at_night_and_only_then() -> None:
    assert triggers("ci.yml")["schedule"]
    jobs = WORKFLOWS["ci.yml"]["jobs"].items()
    assert [name for name, job in jobs if job["if"] == "github.event_name == 'schedule'"] == ["nightly"]


def test_a_gpu_and_the_pages_are_reached_by_hand_only() -> None:
    assert set(triggers("gpu.yml")) == set(triggers("pages.yml")) == {"workflow_dispatch"}
    assert triggers("gpu.yml")["workflow_dispatch"]["inputs"]["profile"]["default"] == "paper"
    assert "self-hosted" in WORKFLOWS["gpu.yml"]["jobs"]["paper"]["runs-on"]
    assert "make docker-reproduce" in commands("gpu.yml")
    assert commands("pages.yml") == ["make venv", "make render", "make explorer"]


def test_the_commit_hook_calls_make_and_needs_no_hook_repository() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        assert goals(hook["entry"]) <= make_targets()
