"""Licence, citation and package say the same."""

import tomllib
from typing import Any

import yaml

from tests.packaging.tree import ROOT


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def citation() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return found


def test_the_citation_has_what_its_format_requires():
    assert citation()["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation())


def test_the_citation_names_the_version_of_the_package():
    assert str(citation()["version"]) == project()["version"]


def test_the_citation_names_the_paper_and_its_author():
    (paper,) = citation()["references"]
    assert paper["title"].startswith("On the Quality-Smoothness Duality")
    assert [author["family-names"] for author in paper["authors"]] == ["Patel"]


def test_the_licence_is_the_one_that_citation_and_package_name():
    text = (ROOT / project()["license"]["file"]).read_text(encoding="utf-8")
    assert text.startswith("MIT License")
    assert "the reproduce authors" in text
    assert citation()["license"] == "MIT"


def test_the_changelog_has_a_place_for_what_comes_next():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
