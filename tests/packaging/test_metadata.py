"""Licence, citation and package say the same, and a clone stays small (README: git clone --depth 1)."""

from __future__ import annotations

import subprocess
import tomllib

import yaml

from tests.packaging.tree import ROOT

MEGABYTE = 10**6
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_citation_has_what_its_format_requires_and_names_version_paper_author_and_licence() -> None:
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(CITATION)
    assert str(CITATION["version"]) == PROJECT["version"]
    (paper,) = CITATION["references"]
    assert paper["title"].startswith("On the Quality-Smoothness Duality")
    assert [author["family-names"] for author in paper["authors"]] == ["Patel"]
    assert (ROOT / PROJECT["license"]["file"]).read_text().startswith(f"{CITATION['license']} License")


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
