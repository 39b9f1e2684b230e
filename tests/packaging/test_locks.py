"""The locks hold exactly what is tested, by hash, and name no registry."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.split_lock import blocks, is_accelerated, without_torch
from tests.packaging.tree import ROOT

LOCKS = ("requirements.lock", "requirements-base.lock")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(name: str) -> dict[str, Requirement]:
    """Package → its pin with its marker."""
    return {package: Requirement(text.split("\\\n")[0]) for package, text in blocks(read(name))}


def wanted(name: str) -> list[Requirement]:
    """The requirements of an input file, without its comments."""
    lines = (line.split("#")[0].strip() for line in read(name).splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("lock", LOCKS)
def test_each_pin_has_a_hash(lock):
    for package, text in blocks(read(lock)):
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}(?![0-9a-f])", text)
        assert hashes, f"{lock}: {package} has no sha256"
        assert len(hashes) == text.count("--hash"), f"{lock}: {package} has a hash of another form"


@pytest.mark.parametrize("lock", LOCKS)
def test_each_package_is_pinned_once_to_one_version(lock):
    names = [package for package, _ in blocks(read(lock))]
    assert len(names) == len(set(names))
    assert len(names) > 50
    for package, pin in pins(lock).items():
        (specifier,) = pin.specifier
        assert specifier.operator == "==", package
        assert "*" not in specifier.version, package


@pytest.mark.parametrize("name", [*LOCKS, "requirements.in", "constraints.txt"])
def test_no_address_stands_in_a_lock_or_its_inputs(name):
    text = read(name)
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text, re.MULTILINE)


def test_the_base_lock_is_the_lock_without_torch_and_cuda():
    assert read("requirements-base.lock") == without_torch(read("requirements.lock")), "run `make lock`"
    cut = set(pins("requirements.lock")) - set(pins("requirements-base.lock"))
    assert {"torch", "torchvision", "triton"} <= cut
    assert all(is_accelerated(name) for name in cut)


@pytest.mark.parametrize("name", ["requirements.in", "constraints.txt"])
def test_the_lock_answers_its_inputs(name):
    locked = pins("requirements.lock")
    for requirement in wanted(name):
        package = canonicalize_name(requirement.name)
        assert package in locked, f"{package} of {name} is not locked: run `make lock`"
        (pin,) = locked[package].specifier
        assert requirement.specifier.contains(pin.version), f"{package}: run `make lock`"


def test_the_ranges_of_the_package_allow_the_lock():
    locked = pins("requirements.lock")
    project = tomllib.loads(read("pyproject.toml"))["project"]
    for line in project["dependencies"]:
        requirement = Requirement(line)
        (pin,) = locked[canonicalize_name(requirement.name)].specifier
        assert requirement.specifier.contains(pin.version), line


def test_one_version_of_each_package_serves_both_pythons():
    """Numbers must not differ between 3.11 and 3.12 because numpy does."""
    locked = pins("requirements.lock")
    for package in ("numpy", "scipy", "torch", "torchvision", "pythae", "scikit-image", "pandas"):
        assert locked[package].marker is None, f"{package} is locked for a part of the platforms only"


def test_what_runs_here_is_what_is_locked():
    """Of the base lock: a machine without a GPU may bring its own torch."""
    for package, pin in pins("requirements-base.lock").items():
        if pin.marker is None or pin.marker.evaluate():
            try:
                found = version(package)
            except PackageNotFoundError:
                pytest.fail(f"{package} is locked but not installed: run `make venv`")
            assert pin.specifier.contains(found), f"{package} {found} is installed, locked is {pin.specifier}"
