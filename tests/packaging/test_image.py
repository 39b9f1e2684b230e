"""What the Dockerfile promises, read from the file itself; `make docker-check` builds it."""

from __future__ import annotations

import re

import pytest

from tests import bare
from tests.packaging.test_locks import pins
from tests.packaging.tree import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = [
    line
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
    if line.strip()
]


def instruction(name: str, part: str = "") -> list[str]:
    """The arguments of every instruction of a name that hold that part, in order."""
    return [line.split(maxsplit=1)[1] for line in INSTRUCTIONS if line.split()[0] == name and part in line]


ARGUMENTS = dict(text.split("=", 1) for text in instruction("ARG") if "=" in text)
ENVIRONMENT = {key: value for text in instruction("ENV") for key, value in re.findall(r"(\w+)=(\S*)", text)}


def test_the_base_is_pinned_by_tag_and_digest_in_one_stage() -> None:
    pinned = r"nvidia/cuda:13\.0\.\d+-base-ubuntu24\.04@sha256:[0-9a-f]{64}"
    assert re.fullmatch(pinned, ARGUMENTS["BASE_IMAGE"])
    assert instruction("FROM") == ["${BASE_IMAGE}"], "a second stage would copy gigabytes"


def test_python_comes_from_the_hash_lock_from_wheels_alone_and_before_the_sources() -> None:
    (install,) = instruction("RUN", "pip install")
    for part in ("--require-hashes", "--only-binary=:all:", "--requirement /opt/requirements.lock"):
        assert part in install
    assert "pip check" in install
    assert install.count("pip install") == 1
    whole_tree = next(at for at, line in enumerate(INSTRUCTIONS) if re.match(r"COPY .*\. /work$", line))
    assert INSTRUCTIONS.index(f"RUN {install}") < whole_tree


def test_the_locked_torch_is_asked_for_the_a40_and_for_the_cuda_of_the_base() -> None:
    assert ARGUMENTS["GPU_ARCHITECTURE"] == "sm_86"
    assert ARGUMENTS["BASE_IMAGE"].startswith(f"nvidia/cuda:{ARGUMENTS['CUDA_VERSION']}.")
    assert instruction("RUN", "check_torch_build.py --cuda")
    (toolkit,) = pins("requirements.lock")["cuda-toolkit"].specifier
    assert toolkit.version.startswith(ARGUMENTS["CUDA_VERSION"] + ".")


def test_it_reproduces_by_default_as_a_numbered_user_with_results_on_a_volume() -> None:
    assert INSTRUCTIONS[-2:] == ["USER 10001:10001", 'CMD ["make", "reproduce"]']
    (volumes,) = instruction("VOLUME")
    assert '"/work/results"' in volumes
    assert (ENVIRONMENT["RESULTS_DIR"], ENVIRONMENT["REPRODUCE_VENV"]) == ("/work/results", "/opt/venv")
    # read before the interpreter starts
    fixed = {"PYTHONHASHSEED": "0", "CUBLAS_WORKSPACE_CONFIG": ":4096:8", "NVIDIA_TF32_OVERRIDE": "0"}
    assert fixed.items() <= ENVIRONMENT.items()


def test_the_report_can_be_compiled_inside_with_the_packages_that_make_pdf_names() -> None:
    (install,) = instruction("RUN", "apt-get install")
    (named,) = re.findall(r"^TEX_APT\s*:?=\s*(.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {*named.split(), "git", "make", "python3", "python3-venv"} <= set(install.split())


def printed(*words: str) -> str:
    """What make would do, in words, with every container command printed and none run."""
    return bare.ran(["make", "-n", "DOCKER=docker", *words], ROOT, {}).stdout.decode()


def test_what_the_image_writes_stays_on_the_host_and_golden_numbers_are_made_by_one_command() -> None:
    for folder in ("results", "data", "golden"):
        assert f"{ROOT}/{folder}:/work/{folder}'" in printed("docker-reproduce")
    text = printed("docker-golden")
    # otherwise an image of another commit would be recorded
    assert text.index("docker build") < text.index("docker run")
    for part in (f"{ROOT}/golden:/work/golden", "--gpus all", "PROFILE='paper'", "make reproduce golden"):
        assert part in text
    assert "PROFILE='smoke'" in printed("docker-golden", "PROFILE=smoke")


def test_neither_history_nor_results_nor_an_environment_enter_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {".git", ".venv*", "results", "data"} <= set(ignored)
    assert not {"golden", "published", "tests", "latex"} & set(ignored)


@pytest.mark.parametrize(
    "name",
    ["Makefile", "Dockerfile", ".dockerignore", "mk/docker.mk", "scripts/docker_check.sh", "docs/IMAGE.md"],
)
def test_no_address_and_no_path_of_a_machine_stands_in_it(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"[a-z]\.(org|com|io|net|dev)\b", text), "a host's name"
    assert not re.search(r"/(root|home|opt/pypi|opt/wheels)\b", text), "a path of one machine"
