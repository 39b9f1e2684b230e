"""The cluster of docs/CLUSTER.md as it stands there, by a user whose environment says nothing of this project."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce.cluster import clusters
from reproduce.errors import ReproduceError
from reproduce.protocol import profile
from reproduce.storage.runs import RunId, campaign_runs
from tests import bare
from tests.cluster.common import STARTING, free_port, here

PAGE = Path(__file__).parents[2] / "docs" / "CLUSTER.md"


def commands(port: int) -> list[list[str]]:
    """The page's three commands with this machine as the host, one worker, and this environment."""
    text = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(\.venv/bin/dask scheduler.*?)```", text, re.DOTALL)
    lines = [line.partition("#")[0].strip(" &") for line in block.splitlines()]
    found = []
    for line in lines:
        words = shlex.split(
            line.replace("HOST:8786", f"127.0.0.1:{port}").replace("--nworkers 16", "--nworkers 1")
        )
        found.append([word.replace(".venv/bin", str(Path(sys.executable).parent)) for word in words])
    return found


@STARTING
@pytest.mark.slow
def test_the_three_commands_train_a_run(tmp_path: Path) -> None:
    port = free_port()
    scheduler, worker, run = commands(port)
    started = []
    try:
        for command in ([*scheduler, *here(port)], [*worker, "--no-dashboard"]):
            started.append(
                subprocess.Popen(
                    command, cwd=tmp_path, env=bare.BARE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
        words = ["--profile", "smoke", "--only", "ae", "--seed", "42", "--results", str(tmp_path / "results")]
        done = bare.ran([*run, *words], tmp_path, {})
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert b"3 run now" in done.stdout
    assert (tmp_path / "results" / "smoke" / "ae" / "seed-42" / "manifest.json").is_file()


def slurm() -> tuple[str, str]:
    """The page's array job, and the commands around it."""
    text = PAGE.read_text(encoding="utf-8").partition("## SLURM")[2]
    job, around = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return job, around


def task(number: int, python: Path, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """One task of the array job, as SLURM starts it, in the profile smoke."""
    job = slurm()[0].replace(".venv/bin/python", str(python)).replace("--profile desk", "--profile smoke")
    (folder / "campaign.sbatch").write_text(job)
    return bare.ran(["bash", "campaign.sbatch"], folder, {"SLURM_ARRAY_TASK_ID": str(number)})


def test_the_tasks_of_the_array_job_are_every_architecture_with_every_seed(tmp_path: Path) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    (last,) = re.findall(r"--array=0-(\d+)", slurm()[0])
    said = [task(number, tmp_path / "python", tmp_path).stdout.decode() for number in range(int(last) + 1)]
    chosen = [re.search(r"--results parts/(\d+) --only (\S+) --seed (\S+)\n", line) for line in said]
    assert [found and found[1] for found in chosen] == [str(number) for number in range(len(said))]
    runs = {RunId(found[2], int(found[3])) for found in chosen if found}
    assert runs == {run for run in campaign_runs(profile("desk")) if not run.is_reference}
    assert len(said) == len(runs)


@pytest.mark.slow
@STARTING
def test_the_folders_of_the_tasks_are_put_together(tmp_path: Path) -> None:
    done = task(0, Path(sys.executable), tmp_path)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    (together,) = [line for line in slurm()[1].splitlines() if line.startswith("mkdir -p results")]
    assert bare.ran(["bash", "-c", together], tmp_path, {}).returncode == 0
    found = bare.reproduce("status --profile smoke --only ae --seed 42", tmp_path)
    assert b"profile smoke: 3 fresh\n" in found.stdout


@pytest.mark.parametrize(
    "address",
    ["localhost", "http://localhost:8786", "tcp://localhost", "tcp://:8786", "ucx://a:1", "8786", ""],
)
def test_what_cannot_be_a_schedulers_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(
        ReproduceError, match=r"no address of a Dask scheduler: it is written like tcp://HOST:8786"
    ):
        clusters.require_address(address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tls://node-7.cluster:8786", "tcp://[::1]:8786"])
def test_a_schedulers_address_is_not(address: str) -> None:
    clusters.require_address(address)
