from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from reproduce import datasets, protocol, training
from reproduce.campaign import schedule
from reproduce.commands import options, results
from reproduce.machine import devices
from reproduce.storage.runs import RunId
from reproduce.storage.store import HISTORY, MISSING, Store
from tests import bare
from tests.tiny import AE, ONLY, RUNS, VAE, Command, contents


def of(store: Store) -> list[str]:
    """Options that name the tiny campaign."""
    return ["--profile", "tiny", "--results", str(store.folder.parent), "--only", ONLY]


def tiny_run(store: Store, *words: str) -> list[str]:
    return ["run", *of(store), "--jobs", "1", *words]


def test_only_a_deleted_run_is_run_again(command: Command, store: Store, finished: Store) -> None:
    shutil.rmtree(store.path(AE))
    code, out, err = command(*tiny_run(store))
    assert (code, err) == (0, "")
    first, second, third, *_, last = out.splitlines()
    assert first.startswith("profile tiny · data: 5,000 real MNIST digits")
    assert second == "roughly 1 min at most with one run at a time, and 10 MB of results"
    assert third.startswith("ae/seed-1: done in 0:0")
    assert last == "1 run now, 4 were done already, 0 failed"
    assert contents(store.folder) == contents(finished.folder)
    _, out, _ = command(*tiny_run(store))
    assert out.splitlines()[1:] == ["0 run now, 5 were done already, 0 failed"]


def test_a_failed_run_is_exit_code_1_until_it_is_tried_again(
    command: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(store.path(AE))
    with monkeypatch.context() as patch:
        patch.setattr(training.Run, "validation_loss", lambda run: float("nan"))
        code, out, err = command(*tiny_run(store))
    assert (code, err) == (1, "")
    assert "ae/seed-1: failed (epoch 1: validation_loss is nan)" in out
    assert out.splitlines()[-1] == "0 run now, 4 were done already, 1 failed"
    _, out, _ = command("status", *of(store))
    assert "failed   ae/seed-1                        epoch 1: validation_loss is nan\n" in out
    assert command(*tiny_run(store))[0] == 1
    assert command(*tiny_run(store, "--retry-failed"))[0] == 0


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(command: Command, store: Store) -> None:
    shutil.rmtree(store.path(AE))
    before = contents(store.folder.parent)
    code, out, err = command(*tiny_run(store, "--dry-run"))
    assert (code, err) == (0, "")
    assert out.splitlines()[1:] == [
        "train    ae/seed-1                        not run yet",
        "finished pca-16/seed-0                    done",
        "finished mean-image/seed-0                done",
        "finished vae/seed-1                       done",
        "finished svae/seed-1                      done",
        "profile tiny: 1 train, 4 finished",
        "roughly 1 min at most with one run at a time, and 10 MB of results",
    ]
    assert contents(store.folder.parent) == before


def test_a_dry_run_of_a_first_campaign_makes_no_folder_and_downloads_nothing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setattr(datasets.mnist, "_download", None)
    code, out, err = command("run", "--dry-run", "--profile", "paper", "--device", "cpu", "--jobs", "2")
    assert (code, err) == (0, "")
    warning, last = out.splitlines()[-2:]
    assert warning.startswith("warning: profile paper is made for a GPU and takes up to ")
    assert last.startswith("roughly ")
    assert list(tmp_path.iterdir()) == []


def test_status_gives_every_run_its_state_and_the_reason(command: Command, store: Store) -> None:
    shutil.rmtree(store.path(AE))
    (store.path(VAE) / "images.csv").unlink()
    code, out, _ = command("status", *of(store))
    assert code == 0
    states = {line.split()[1]: line.split(maxsplit=2)[::2] for line in out.splitlines()[:-1]}
    assert states["ae/seed-1"] == ["missing", "not run yet"]
    assert states["vae/seed-1"][0] == "damaged"
    assert states["vae/seed-1"][1].endswith("images.csv is gone")
    assert states["svae/seed-1"] == ["fresh", "done"]
    assert out.splitlines()[-1] == "profile tiny: 3 fresh, 1 missing, 1 damaged"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("status --only wea", "unknown architecture 'wea' (did you mean 'wae'?); they are ae, wae,"),
        ("status --profile quik", "unknown profile 'quik' (did you mean 'quick'?); profiles are smoke"),
        ("status --seed 42,x", "seeds are whole numbers with commas between, not '42,x'"),
        *(
            (f"status --seed={seeds}", f"seeds must be at least one, different and not negative: '{seeds}'")
            for seeds in ("42,42", ",", "-1")
        ),
        (
            "status --results ~nosuch/x",
            "~nosuch/x: ~nosuch is nobody's home folder here: write the folder in full",
        ),
        ("render --results nowhere", "no finished runs of profile 'quick' below nowhere/quick: run"),
        ("where reprot", "Invalid value"),
        ("statsu", "No such command 'statsu'"),
        ("run --jobs 0", "Invalid value for '--jobs'"),
        ("run --dry-run --epochs 3", "No such option: --epochs"),
        ("run --dashboard -j 1", "--dashboard shows workers of this machine: give --jobs 2"),
        ("run --device gpu", "a device is cpu or cuda, not 'gpu'"),
        ("run --device cuda", "--device cuda: no CUDA device; leave it out, or name a cluster that has one"),
        *(
            (f"run --profile {coarse}", "--tf32 is for a GPU, and the device is cpu: leave it out")
            for coarse in ("smoke --tf32", "smoke-tf32")
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(command: Command, words: str, message: str) -> None:
    code, _, err = command(*words.split())
    assert code == 2
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


def test_our_mistake_is_a_traceback(command: Command, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "execute", lambda *args, **rest: 1 / 0)
    code, _, err = command(*tiny_run(store))
    assert code == 70
    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith("ZeroDivisionError: division by zero\n")


def test_rendering_asks_a_state_once(command: Command, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RunId] = []
    honest = Store.status
    monkeypatch.setattr(Store, "status", lambda self, run, *a: asked.append(run) or honest(self, run, *a))
    monkeypatch.setattr("reproduce.report.render", lambda *args, **rest: None)
    assert command("render", *of(store)[:4])[0] == 0
    assert set(RUNS) <= set(asked)
    assert len(asked) == len(set(asked))


Campaigns = list[tuple[Store, str, int]]


@pytest.fixture
def campaigns(monkeypatch: pytest.MonkeyPatch) -> Campaigns:
    """Store, device and jobs of every campaign that a command starts; nothing is run."""
    started: Campaigns = []

    def execute(store: Store, wanted: object, *, device: str, jobs: int, **rest: object) -> schedule.Report:
        started.append((store, device, jobs))
        return schedule.Report()

    monkeypatch.setattr(schedule, "execute", execute)
    return started


def test_jobs_are_by_default_what_the_machine_allows(
    command: Command, store: Store, monkeypatch: pytest.MonkeyPatch, campaigns: Campaigns
) -> None:
    monkeypatch.setattr(devices, "default_jobs", lambda device, per_card: 10 * per_card)
    for more in ([], ["--per-card", "2"], ["--jobs", "3"]):
        assert command("run", *of(store), *more)[0] == 0
    assert [jobs for _, _, jobs in campaigns] == [40, 20, 3]


def test_the_device_can_be_chosen_and_tf32_is_kept_apart_from_what_is_precise(
    command: Command, store: Store, monkeypatch: pytest.MonkeyPatch, campaigns: Campaigns
) -> None:
    monkeypatch.setattr(devices, "best_device", lambda: ("cuda", "NVIDIA A40 found"))
    for words in (["--tf32"], ["--profile", "tiny-tf32"]):
        assert command(*tiny_run(store, *words))[0] == 0
        found, device, _ = campaigns[-1]
        assert (found.folder.name, found.protocol.tf32, device) == ("tiny-tf32", True, "cuda")
        assert {found.status(run).state for run in RUNS} == {MISSING}
    code, out, _ = command(*tiny_run(store, "--device", "cpu"))
    assert (code, campaigns[-1][1]) == (0, "cpu")
    assert "device cpu (asked for; profile 'tiny' was asked for)" in out
    monkeypatch.setattr(devices, "best_device", lambda: ("cpu", "no CUDA device"))
    assert command(*tiny_run(store, "--device", "cuda", "--scheduler", "tcp://far:1"))[0] == 0
    assert campaigns[-1][1] == "cuda"


def test_the_environment_names_profile_seeds_and_results_unless_make_leaves_them_empty(
    command: Command, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"PROFILE": "tiny", "SEEDS": "1,2", "RESULTS_DIR": str(store.folder.parent)}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    document = json.loads(command("status", "--only", "AE", "--json")[1])
    assert document["profile"] == "tiny"
    assert [row["state"] for row in document["runs"]] == ["fresh", "fresh", "fresh", "missing"]
    for name in given:
        monkeypatch.setenv(name, "")
    assert command("where")[:2] == (0, "results/quick\n")


@pytest.mark.usefixtures("campaigns")
@pytest.mark.parametrize(("device", "chosen"), [("cuda", "paper"), ("cpu", "quick")])
def test_what_run_chose_by_the_device_is_what_is_rendered(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, chosen: str
) -> None:
    monkeypatch.setattr(datasets, "load", lambda protocol: None)
    monkeypatch.setattr(devices, "default_jobs", lambda device, per_card: 1)
    monkeypatch.setattr(devices, "best_device", lambda: (device, "as told"))
    root = str(tmp_path / "results")
    _, out, _ = command("run", "--results", root)
    assert out.startswith(f"profile {chosen} · ")
    assert command("where", "--results", root)[1] == f"{root}/{chosen}\n"
    # a profile that was named, or a trial, is nobody's choice by the device
    command("run", "--results", root, "--profile", "smoke")
    command("run", "--results", root, "--trial", "1")
    assert command("where", "--results", root)[1] == f"{root}/{chosen}\n"
    assert command("where", "--results", root, "--profile", "desk")[1] == f"{root}/desk\n"


@pytest.mark.parametrize("note", [b"", b"quik\n", b"\xff\xfe", b"../../etc\n"])
def test_a_note_that_names_no_profile_counts_as_none(command: Command, tmp_path: Path, note: bytes) -> None:
    before = command("where", "--results", str(tmp_path))
    (tmp_path / options.REMEMBERED).write_bytes(note)
    assert command("where", "--results", str(tmp_path)) == before
    options.remember_profile(tmp_path, "paper-tf32")
    assert command("where", "report", "--results", str(tmp_path))[1] == f"{tmp_path}/paper-tf32/report\n"


def test_a_trial_is_cut_short_and_kept_apart(command: Command, store: Store, finished: Store) -> None:
    root = store.folder.parent
    code, out, _ = command("run", *of(store)[:4], "--only", "ae", "--jobs", "1", "--trial", "1")
    assert code == 0
    assert out.startswith("profile tiny-trial-1 · ")
    assert out.endswith("\n3 run now, 0 were done already, 0 failed\n")
    history = (root / "tiny-trial-1" / AE.folder / HISTORY).read_text().splitlines()
    assert len(history) == 1 + 1, "a header and one epoch of the two"
    assert contents(store.folder) == contents(finished.folder)


HEAVY = ("torch", "pandas", "scipy", "sklearn", "matplotlib", "distributed")


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        (["--help"], HEAVY),
        (["run", "--help"], HEAVY),
        (["status", "--profile", "quick"], HEAVY),
        (["claims", "--id", "IV-A.ae-best", "--profile", "quick"], ("torch", "matplotlib", "distributed")),
    ],
)
def test_light_commands_need_no_torch(words: list[str], spared: tuple[str, ...], tmp_path: Path) -> None:
    bare.spares(words, spared, tmp_path)


def test_provenance_that_differ_are_told_apart_and_no_host_is_named() -> None:
    first = {"commit": "a", "host": "x", "versions": {"torch": "2"}, "flags": {"device": "cpu"}}
    second = first | {"commit": "b", "evaluation": {"commit": "c", "flags": {"device": "cuda"}}}
    assert results.common([first, first]) == {name: first[name] for name in ("commit", "versions", "flags")}
    found = results.common([first, second])
    assert (found["commit"], found["flags"]) == ("a or b or c", {"device": "cpu or cuda"})
    assert results.common([]) == {}


def test_a_profile_with_verdicts_is_rendered_beside_the_finished_runs_of_the_others(
    monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    judged = replace(store.protocol, verdicts=True)
    other, bare = (replace(judged, name=name) for name in ("other", "bare"))
    monkeypatch.setattr(protocol, "PROFILES", {"tiny": judged, "other": other, "bare": bare})
    root = store.folder.parent
    found = results.companions(other, root)
    assert list(found) == ["tiny"]
    assert set(found["tiny"].runs["architecture"]) >= {"ae", "vae", "svae"}
    assert results.companions(replace(other, verdicts=False), root) == {}
    assert results.companions(judged, root) == {}
