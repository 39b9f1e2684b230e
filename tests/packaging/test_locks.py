"""The locks hold exactly what is tested, by hash, and name no registry."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, requires, version

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.split_lock import blocks, is_accelerated, without_torch
from tests import bare
from tests.packaging.tree import ROOT

LOCK, BASE = "requirements.lock", "requirements-base.lock"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(name: str, here: bool = False) -> dict[str, Requirement]:
    """Package → its pin with its marker; here: those alone that hold for this interpreter and platform."""
    found = {package: Requirement(text.split("\\\n")[0]) for package, text in blocks(read(name))}
    return {name: pin for name, pin in found.items() if not (here and pin.marker) or pin.marker.evaluate()}


def wanted(name: str) -> list[Requirement]:
    """The requirements of an input file, or those that pyproject.toml declares."""
    if name == "pyproject.toml":
        return [Requirement(line) for line in tomllib.loads(read(name))["project"]["dependencies"]]
    lines = (line.split("#")[0].strip() for line in read(name).splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("lock", [LOCK, BASE])
def test_each_package_is_pinned_once_to_one_version_by_hash(lock: str) -> None:
    pinned = pins(lock)
    assert len(blocks(read(lock))) == len(pinned) > 50
    for package, text in blocks(read(lock)):
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}(?![0-9a-f])", text)
        assert len(hashes) == text.count("--hash") > 0, f"{lock}: {package}"
        (specifier,) = pinned[package].specifier
        assert specifier.operator == "==", package
        assert "*" not in specifier.version, package


@pytest.mark.parametrize("name", [LOCK, BASE, "requirements.in", "constraints.txt"])
def test_no_address_stands_in_a_lock_or_its_inputs(name: str) -> None:
    options = r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b"
    assert "://" not in read(name)
    assert not re.search(options, read(name), re.MULTILINE)


def test_the_base_lock_is_the_lock_without_torch_and_cuda() -> None:
    assert read(BASE) == without_torch(read(LOCK)), "run `make lock`"
    cut = set(pins(LOCK)) - set(pins(BASE))
    assert {"torch", "torchvision", "triton"} <= cut
    assert all(map(is_accelerated, cut))


@pytest.mark.parametrize("name", ["requirements.in", "constraints.txt", "pyproject.toml"])
def test_the_lock_answers_its_inputs_and_the_ranges_of_the_package(name: str) -> None:
    locked = pins(LOCK)
    for requirement in wanted(name):
        package = canonicalize_name(requirement.name)
        assert package in locked, f"{package} of {name} is not locked: run `make lock`"
        (pin,) = locked[package].specifier
        assert requirement.specifier.contains(pin.version), f"{package}: run `make lock`"


def test_one_version_of_each_package_serves_both_pythons() -> None:
    """Numbers must not differ between 3.11 and 3.12 because numpy does."""
    for package in ("numpy", "scipy", "torch", "torchvision", "pythae", "scikit-image", "pandas"):
        assert pins(LOCK)[package].marker is None, f"{package} is locked for a part of the platforms only"


def test_what_runs_here_is_what_is_locked() -> None:
    """Torch and CUDA too, unless `make venv-cpu` was told where torch comes from."""
    locked = pins(BASE if torch.version.cuda is None else LOCK, here=True)
    wrong = {package: pin for package, pin in locked.items() if not pin.specifier.contains(version(package))}
    assert wrong == {}


def imported(folder: str) -> dict[str, set[str]]:
    """Foreign modules that the folder's modules import, wherever in them → the distributions that have them."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    whole = [node for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    names += [node.module for node in whole if node.module]
    ours = {"reproduce", "tests", "scripts", "benchmarks", *sys.stdlib_module_names}
    foreign, known = {name.split(".")[0] for name in names} - ours, packages_distributions()
    return {name: set(map(canonicalize_name, known.get(name, []))) for name in foreign}


@pytest.mark.parametrize("folder", ["reproduce", "tests", "scripts", "benchmarks"])
def test_the_base_lock_and_torch_answer_every_import(folder: str) -> None:
    provided = {"torch", "torchvision", *pins(BASE)}
    assert {name for name, found in imported(folder).items() if not found & provided} == set()


def test_what_the_package_imports_is_named_and_not_left_to_what_others_bring() -> None:
    modules = imported("reproduce")
    for source in ("pyproject.toml", "requirements.in"):
        named = {canonicalize_name(requirement.name) for requirement in wanted(source)}
        assert {name for name, found in modules.items() if not found & named} == set(), source


def test_the_base_lock_is_whole_but_for_torch_and_what_torch_brings() -> None:
    """It is installed with --no-deps: nothing that one of its packages needs may be missing."""
    locked = set(pins(BASE))
    for package in (*pins(BASE, here=True), "torch", "torchvision"):
        for need in map(Requirement, requires(package) or ()):
            name = canonicalize_name(need.name)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert name in locked or is_accelerated(name), f"{package} needs {name}: run `make lock`"


def test_no_torch_is_installed_from_an_index_that_nobody_named() -> None:
    """What is asked for, and what the docs say, names the locked versions."""
    wanted_torch = " ".join(str(pins(LOCK)[name]) for name in ("torch", "torchvision"))
    told = f"make venv-cpu CPU_TORCH='{wanted_torch} --index-url ADDRESS'"
    # were the question not asked, no environment would be touched either
    done = bare.ran(["make", "venv-cpu"], ROOT, {"PYTHON": "false"})
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"error: say where a CPU build of torch comes from: {told}")
    for page in ("docs/USING.md", "docs/IMAGE.md"):
        assert re.findall(r"make venv-cpu CPU_TORCH=.*", read(page)) == [told]
