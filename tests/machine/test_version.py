"""Whose commit a run is stamped with: that of the package's own files, or none."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from reproduce.machine import version
from tests import bare

ASK = "from reproduce.machine.version import current_commit; print(current_commit())"
OWN = ("__init__.py", "environment.py", "version.py", "archived-commit.txt")
FILES = ("__init__.py", *(f"machine/{name}" for name in OWN))


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.strip()


def copy(root: Path) -> Path:
    """The files that answer, in a folder of their own."""
    (root / "reproduce" / "machine").mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(version.ROOT / "reproduce" / name, root / "reproduce" / name)
    (root / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    (root / ".gitattributes").write_text(
        "reproduce/machine/archived-commit.txt export-subst\n", encoding="utf-8"
    )
    return root


def committed(root: Path) -> str:
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return git(root, "rev-parse", "HEAD")


def repository(root: Path) -> Path:
    """Another project's."""
    root.mkdir()
    (root / "thesis.tex").write_text("x", encoding="utf-8")
    committed(root)
    return root


def answer(root: Path, **variables: str) -> str:
    found = bare.python(f"import sys; sys.path.insert(0, {str(root)!r}); {ASK}", root.parent, **variables)
    assert found.returncode == 0, found.stderr.decode()
    return found.stdout.decode().strip()


@pytest.fixture
def checkout(tmp_path: Path) -> tuple[Path, str]:
    root = copy(tmp_path / "checkout")
    return root, committed(root)


def test_a_checkout_has_its_commit_whatever_git_was_told_and_output_lies_in_it(
    checkout: tuple[Path, str], tmp_path: Path
) -> None:
    root, head = checkout
    (root / "out").mkdir()
    (root / "out" / "manifest.json").write_text("{}", encoding="utf-8")
    assert answer(root) == head
    other = repository(tmp_path / "other")
    assert answer(root, GIT_DIR=str(other / ".git"), GIT_WORK_TREE=str(other)) == head


@pytest.mark.parametrize("name", ["version.py", "new_module.py"])
def test_a_changed_or_new_file_of_the_package_does(checkout: tuple[Path, str], name: str) -> None:
    root, head = checkout
    git(root, "config", "status.showUntrackedFiles", "no")
    with (root / "reproduce" / name).open("a", encoding="utf-8") as stream:
        stream.write("\n# changed\n")
    assert answer(root) == f"{head}+"


def test_a_repository_that_lies_above_is_another_projects(tmp_path: Path) -> None:
    outer = repository(tmp_path / "thesis")
    root = copy(outer / "tools" / "reproduce-1.0")
    assert answer(root) == ""
    git(outer, "add", "-A")
    git(outer, "commit", "-qm", "tools")
    assert answer(root) == ""


def test_an_archive_carries_its_commit_into_any_repository(
    checkout: tuple[Path, str], tmp_path: Path
) -> None:
    root, head = checkout
    git(root, "archive", "--output", str(tmp_path / "a.tar"), "HEAD")
    outer = repository(tmp_path / "thesis")
    with tarfile.open(tmp_path / "a.tar") as archive:
        archive.extractall(outer / "unpacked", filter="data")
    assert answer(outer / "unpacked") == f"{head}?", "whether its files were changed since, nothing tells"


def test_without_git_and_without_an_archive_there_is_none(tmp_path: Path) -> None:
    assert answer(copy(tmp_path / "plain")) == ""
    assert answer(copy(tmp_path / "no-git"), PATH="/nonexistent") == ""
