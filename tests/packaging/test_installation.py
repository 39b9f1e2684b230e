"""What an installed package holds: every subpackage, the templates and the data."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.packaging.tree import ROOT


def test_every_folder_of_modules_is_a_package_that_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "reproduce").rglob("*.py")}
    installed = {*(".".join(folder.parts) for folder in folders), "reproduce.latex"}
    assert installed == set(project["tool"]["setuptools"]["packages"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the tracked files, built as pip would."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(["git", "-C", str(ROOT), "archive", "--output", str(folder / "a.tar"), "HEAD"], check=True)
    source = folder / "source"
    source.mkdir()
    subprocess.run(
        ["tar", "-xf", str(folder / "a.tar"), "-C", str(source), "--exclude=./published"], check=True
    )
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(source)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_a_wheel_has_templates_and_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, place in (("latex", "reproduce/latex"), ("reproduce/paper", "reproduce/paper")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in (".j2", ".bib", ".csv"):
                assert f"{place}/{path.relative_to(ROOT / folder).as_posix()}" in names
    assert {"reproduce/decisions.toml", "reproduce/archived-commit.txt"} <= names
    assert not [name for name in names if name.startswith(("tests/", "published/", "latex/"))]
