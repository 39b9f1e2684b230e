"""Licence, citation and package say the same; a clone stays small; an installed package holds templates and data."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import yaml

from tests.packaging.tree import ROOT

MEGABYTE = 10**6
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_citation_has_what_its_format_requires_and_names_version_paper_author_and_licence() -> None:
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(CITATION)
    assert str(CITATION["version"]) == PYPROJECT["project"]["version"]
    (paper,) = CITATION["references"]
    assert paper["title"].startswith("On the Quality-Smoothness Duality")
    assert [author["family-names"] for author in paper["authors"]] == ["Patel"]
    licence = (ROOT / PYPROJECT["project"]["license"]["file"]).read_text(encoding="utf-8")
    assert licence.startswith(f"{CITATION['license']} License")


def tracked_bytes(folder: str) -> int:
    """Bytes of the tracked files below the folder that are there."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", folder]
    listed = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name]
    return sum(path.stat().st_size for path in paths if path.is_file())


def test_published_results_stay_below_45_megabytes_and_the_whole_tree_below_60() -> None:
    published, whole = tracked_bytes("published"), tracked_bytes(".")
    assert 0 < published < 45 * MEGABYTE
    assert published < whole < 60 * MEGABYTE


def test_every_folder_of_modules_is_a_package_that_is_installed() -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "reproduce").rglob("*.py")}
    installed = {*(".".join(folder.parts) for folder in folders), "reproduce.latex"}
    assert installed == set(PYPROJECT["tool"]["setuptools"]["packages"])


def test_a_wheel_of_the_tracked_files_has_templates_and_data(tmp_path: Path) -> None:
    archive, source = tmp_path / "a.tar", tmp_path / "source"
    source.mkdir()
    subprocess.run(["git", "-C", str(ROOT), "archive", "--output", str(archive), "HEAD"], check=True)
    subprocess.run(["tar", "-xf", str(archive), "-C", str(source), "--exclude=./published"], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, place in (("latex", "reproduce/latex"), ("reproduce/paper", "reproduce/paper")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in (".j2", ".bib", ".csv"):
                assert f"{place}/{path.relative_to(ROOT / folder).as_posix()}" in names
    assert {"reproduce/paper/decisions.toml", "reproduce/machine/archived-commit.txt"} <= names
    assert not [name for name in names if name.startswith(("tests/", "published/", "latex/"))]
