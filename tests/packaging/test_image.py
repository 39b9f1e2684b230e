"""What the Dockerfile promises, read from the file itself; `make docker-check` builds it."""

import os
import re
import subprocess

import pytest

from tests.packaging.test_locks import pins
from tests.packaging.tree import ROOT, make_targets

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    line
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
    if line.strip()
]


def instruction(name: str) -> list[str]:
    """The arguments of every instruction of a name, in order."""
    return [line.split(maxsplit=1)[1] for line in INSTRUCTIONS if line.split()[0] == name]


def argument(name: str) -> str:
    """The default of a build argument."""
    (value,) = [text.split("=", 1)[1] for text in instruction("ARG") if text.split("=", 1)[0] == name]
    return value


def environment() -> dict[str, str]:
    return {key: value for text in instruction("ENV") for key, value in re.findall(r"(\w+)=(\S*)", text)}


def test_the_base_is_pinned_by_tag_and_digest():
    assert re.fullmatch(
        r"nvidia/cuda:13\.0\.\d+-base-ubuntu24\.04@sha256:[0-9a-f]{64}", argument("BASE_IMAGE")
    )
    assert instruction("FROM") == ["${BASE_IMAGE}"], "one stage: a second would copy gigabytes"


def test_python_comes_from_the_hash_lock_and_from_wheels_alone():
    (install,) = [text for text in instruction("RUN") if "pip install" in text]
    for option in ("--require-hashes", "--only-binary=:all:", "--requirement /opt/requirements.lock"):
        assert option in install
    assert "pip check" in install
    assert install.count("pip install") == 1


def test_the_layer_of_python_packages_depends_on_the_lock_and_not_on_the_sources():
    order = [line for line in INSTRUCTIONS if line.startswith(("COPY", "RUN"))]
    whole_tree = next(i for i, line in enumerate(order) if re.match(r"COPY .*\. /work$", line))
    install = next(i for i, line in enumerate(order) if "pip install" in line)
    assert install < whole_tree


def test_the_locked_torch_is_asked_for_the_a40_and_for_the_cuda_of_the_base():
    assert argument("GPU_ARCHITECTURE") == "sm_86"
    assert argument("BASE_IMAGE").startswith(f"nvidia/cuda:{argument('CUDA_VERSION')}.")
    assert any("check_torch_build.py --cuda" in text for text in instruction("RUN"))
    (toolkit,) = pins("requirements.lock")["cuda-toolkit"].specifier
    assert toolkit.version.startswith(argument("CUDA_VERSION") + ".")


def test_the_user_is_numeric_and_not_root():
    assert instruction("USER") == ["10001:10001"]
    last = [line.split()[0] for line in INSTRUCTIONS][-2:]
    assert last == ["USER", "CMD"], "nothing is built after the user has changed"


def test_it_reproduces_by_default_with_results_on_a_volume():
    assert instruction("CMD") == ['["make", "reproduce"]']
    (volumes,) = instruction("VOLUME")
    assert environment()["RESULTS_DIR"] == "/work/results"
    assert '"/work/results"' in volumes
    assert environment()["REPRODUCE_VENV"] == "/opt/venv"


@pytest.mark.parametrize(
    ("name", "value"),
    [("PYTHONHASHSEED", "0"), ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"), ("NVIDIA_TF32_OVERRIDE", "0")],
)
def test_what_must_be_fixed_before_the_interpreter_starts_is_fixed(name, value):
    assert environment()[name] == value


def test_the_report_can_be_compiled_inside_with_the_packages_that_make_pdf_names():
    (install,) = [text for text in instruction("RUN") if "apt-get install" in text]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.search(r"^TEX_APT\s*:?=\s*(.+)$", makefile, re.MULTILINE)
    assert named, "the Makefile names the TeX packages in TEX_APT"
    assert set(named[1].split()) <= set(install.split())
    assert {"git", "make", "python3", "python3-venv"} <= set(install.split())


def printed(*words: str) -> str:
    """What make would do, in words, with every container command printed and none run."""
    command = ["make", "--no-print-directory", "-n", "DOCKER=docker", *words]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_golden_numbers_are_made_by_one_command_and_stay_on_the_host():
    lines = printed("docker-golden").splitlines()
    build, run = (
        next(n for n, line in enumerate(lines) if f"docker {word}" in line) for word in ("build", "run")
    )
    assert build < run, "an image of another commit would be recorded"
    for part in (f"{ROOT}/golden:/work/golden", "--gpus all", "PROFILE='paper'", "make reproduce golden"):
        assert part in lines[run]
    assert "PROFILE='smoke'" in printed("docker-golden", "PROFILE=smoke")


@pytest.mark.parametrize("folder", ["results", "data", "golden"])
def test_what_the_image_writes_stays_on_the_host(folder):
    assert f"{ROOT}/{folder}:/work/{folder}'" in printed("docker-reproduce")


def test_the_oldest_driver_is_stated():
    (labels,) = instruction("LABEL")
    assert 'reproduce.cuda.driver.minimum="580"' in labels
    assert "580" in (ROOT / "docs" / "IMAGE.md").read_text(encoding="utf-8")


def test_neither_history_nor_results_nor_an_environment_enter_the_build():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {".git", ".venv*", "results", "data"} <= set(ignored)
    assert not {"golden", "published", "tests", "latex"} & set(ignored)


def test_there_is_a_target_for_everything_that_is_done_with_the_image():
    goals = ("make", "reproduce", "golden", "pdf", "test", "check")
    assert {"docker", *(f"docker-{goal}" for goal in goals)} <= make_targets()


@pytest.mark.parametrize(
    "name",
    ["Makefile", "Dockerfile", ".dockerignore", "mk/docker.mk", "scripts/docker_check.sh", "docs/IMAGE.md"],
)
def test_no_address_and_no_path_of_a_machine_stands_in_it(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"[a-z]\.(org|com|io|net|dev)\b", text), "a host's name"
    assert not re.search(r"/(root|home|opt/pypi|opt/wheels)\b", text), "a path of one machine"
