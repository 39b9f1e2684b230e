"""The locks hold exactly what is tested, by hash, and name no registry."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version

import pytest
import torch
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


def required_here(lock: str) -> dict[str, Requirement]:
    """The pins that hold for this interpreter and platform."""
    return {name: pin for name, pin in pins(lock).items() if pin.marker is None or pin.marker.evaluate()}


def assert_installed(packages: dict[str, Requirement]) -> None:
    for package, pin in packages.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            pytest.fail(f"{package} is locked but not installed: run `make venv`")
        assert pin.specifier.contains(found), f"{package} {found} is installed, locked is {pin.specifier}"


def test_what_runs_here_is_what_is_locked():
    assert_installed(required_here("requirements-base.lock"))


def test_torch_and_cuda_are_those_locked_too():
    if torch.version.cuda is None:
        pytest.skip(f"`make venv-cpu` was told where torch comes from: {torch.__version__}")
    base = required_here("requirements-base.lock")
    cut = {name: pin for name, pin in required_here("requirements.lock").items() if name not in base}
    assert {"torch", "torchvision"} <= cut.keys()
    assert_installed(cut)


# --- without CUDA: the base lock and any torch ---------------------------------------------------------------


def imported(folder: str) -> set[str]:
    """Top-level names of everything that the folder's modules import, wherever in them."""
    nodes = [
        node
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    ]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level
    ]
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("folder", ["reproduce", "tests", "scripts", "benchmarks"])
def test_the_base_lock_and_torch_answer_every_import(folder):
    provided = {"torch", "torchvision", *pins("requirements-base.lock")}
    distributions = packages_distributions()
    ours = {"reproduce", "tests", "scripts", "benchmarks"} | set(sys.stdlib_module_names)
    for name in sorted(imported(folder) - ours):
        found = {canonicalize_name(distribution) for distribution in distributions.get(name, [])}
        assert found & provided, f"{folder} imports {name}, which neither the base lock nor torch provides"


def declared() -> dict[str, set[str]]:
    """Where packages are named → which."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    return {
        "pyproject.toml": {canonicalize_name(Requirement(line).name) for line in project["dependencies"]},
        "requirements.in": {canonicalize_name(requirement.name) for requirement in wanted("requirements.in")},
    }


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.in"])
def test_what_the_project_imports_is_named_and_not_left_to_what_others_bring(name):
    distributions = packages_distributions()
    for module in sorted(imported("reproduce") - {"reproduce", *sys.stdlib_module_names}):
        found = {canonicalize_name(distribution) for distribution in distributions.get(module, [])}
        assert found & declared()[name], f"reproduce imports {module}, which {name} does not name"


def test_only_the_download_of_mnist_needs_torchvision():
    users = [path for path in (ROOT / "reproduce").rglob("*.py") if "torchvision" in path.read_text("utf-8")]
    assert [path.name for path in users] == ["mnist.py"]


def test_the_base_lock_is_whole_but_for_torch_and_what_torch_brings():
    """It is installed with --no-deps: nothing that one of its packages needs may be missing."""
    locked = set(pins("requirements-base.lock"))
    for package in (*required_here("requirements-base.lock"), "torch", "torchvision"):
        for line in requires(package) or ():
            need = Requirement(line)
            name = canonicalize_name(need.name)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert name in locked or is_accelerated(name), f"{package} needs {name}: run `make lock`"


def test_no_torch_is_installed_from_an_index_that_nobody_named():
    command = ["make", "--no-print-directory", "venv-cpu"]
    # were the question not asked, no environment would be touched either
    environment = {"PATH": os.environ["PATH"], "PYTHON": "false"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"error: say where a CPU build of torch comes from: {CPU} --index-url ADDRESS'"
    )
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["docs/USING.md", "docs/IMAGE.md"])
def test_what_is_said_about_a_cpu_build_names_the_locked_versions(name):
    assert re.findall(r"make venv-cpu CPU_TORCH=.*", read(name)) == [f"{CPU} --index-url ADDRESS'"]


CPU = "make venv-cpu CPU_TORCH='" + " ".join(
    str(pins("requirements.lock")[it]) for it in ("torch", "torchvision")
)
