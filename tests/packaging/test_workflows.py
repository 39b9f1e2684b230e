"""The workflows and the commit hook call make targets that exist, and actions pinned by commit."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from tests.packaging.tree import ROOT, make_targets

FILES = {path.name: path for path in (ROOT / ".github" / "workflows").glob("*.yml")}
WORKFLOWS: dict[str, Any] = {name: yaml.safe_load(path.read_text("utf-8")) for name, path in FILES.items()}
PINNED = re.compile(
    r"actions/(checkout|setup-python|upload-artifact|upload-pages-artifact|deploy-pages)@[0-9a-f]{40} # v\d+\.\d+\.\d+"
)
TO_PUBLISH = {"contents": "read", "pages": "write", "id-token": "write"}
"""What the one job that publishes pages may do."""

every_workflow = pytest.mark.parametrize("name", WORKFLOWS)


def commands(name: str, *jobs: str) -> list[str]:
    """What the named jobs run; all by default."""
    found = WORKFLOWS[name]["jobs"]
    return [step["run"] for job in jobs or found for step in found[job]["steps"] if "run" in step]


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


@every_workflow
def test_every_step_is_a_make_target_that_exists_or_a_known_action_pinned_by_commit(name: str) -> None:
    for command in commands(name):
        assert goals(command)
        assert goals(command) <= make_targets(), command
    used = re.findall(r"uses: (.*)", FILES[name].read_text(encoding="utf-8"))
    assert used
    assert all(map(PINNED.fullmatch, used)), used


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
    assert {"make lint", "make test"} <= set(commands("ci.yml"))
    assert "make test-all" in commands("ci.yml", "nightly")
    made = [command for command in commands("ci.yml", "campaign") if command != "make tex"]
    assert made[-3:] == ["make reproduce", "make check", "make pdf"]


def test_a_gpu_and_the_pages_are_reached_by_hand_only() -> None:
    for name in ("gpu.yml", "pages.yml"):
        # YAML 1.1 reads the key `on` as true
        assert set(WORKFLOWS[name][True]) == {"workflow_dispatch"}
    assert "make docker-reproduce" in commands("gpu.yml")
    assert "make explorer" in commands("pages.yml")


def test_the_commit_hook_calls_make_and_needs_no_hook_repository() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        assert goals(hook["entry"]) <= make_targets()
