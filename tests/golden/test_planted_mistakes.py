"""The check is itself checked: mistakes that a reproduction really makes, each of which must turn it red.

Where that is cheap, the mistake is made in the code and its numbers come out of the real evaluation or training of
the tiny campaign; else it is made in the recorded numbers of the smoke campaign. The tolerances are the recorded wide
ones, as if the fresh runs came from another class of machine; what shows there shows in the narrow ones too. Where a
mistake is small beside what a chaotic architecture does by itself, the narrow ones are asked as well.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reproduce import evaluation, golden, metrics
from reproduce.architectures import fingerprints, gaussian, registry
from reproduce.architectures.contract import Batch, Losses
from reproduce.architectures.names import SLUGS
from reproduce.architectures.settings import Adversarial, Importance, Weighted
from reproduce.campaign import worker
from reproduce.campaign.schedule import execute
from reproduce.commands import golden as commands
from reproduce.errors import ReproduceError
from reproduce.golden import Golden
from reproduce.golden.content import BY_ROW, COMPARED, EXACT, POOLED
from reproduce.protocol import PROFILES
from reproduce.storage import reading
from reproduce.storage.runs import RunId
from reproduce.storage.store import TRAINED, RunResult, Store
from tests.golden.recorded import as_records
from tests.tiny import AE, RUNS, VAE, Command, assembled

SMOKE_AE = RunId("ae", 42)


@pytest.fixture(scope="module")
def recorded() -> Golden:
    """The golden numbers of the smoke campaign."""
    return golden.read("smoke")


def chaotic(recorded: Golden) -> set[str]:
    """Architectures with a tolerance of their own; few, or the check would be blind."""
    found = {*recorded.tolerances["architecture"]} - {POOLED}
    assert len(found) < 7
    return found


def off(recorded: Golden, *, elsewhere: bool = True, **fresh: Any) -> dict[str, set[str]]:
    """Architecture → its metrics that are off, in a campaign that came out as recorded but for the given tables.

    elsewhere: on another class of machine.
    """
    provenance = {**recorded.provenance, **({"machine": "another class of machine"} if elsewhere else {})}
    compared = golden.compare(recorded, replace(recorded, **{"provenance": provenance, **fresh}))
    outside = compared[~compared["inside"]]
    return {str(slug): set(rows["metric"]) for slug, rows in outside.groupby("architecture")}


def test_without_a_mistake_nothing_is_off(recorded: Golden) -> None:
    assert off(recorded) == {}


# --- mistakes in a loss: seen at initialisation, on any machine ---------------------------------------------


def initial_losses(recorded: Golden, slug: str) -> dict[str, set[str]]:
    """What is off when one architecture's loss parts at initialisation are computed anew."""
    train_size = PROFILES["smoke"].train
    parts = fingerprints.loss_parts(fingerprints.initial(slug, train_size=train_size))
    losses = recorded.losses.copy()
    for part, value in parts.items():
        losses.loc[(losses["architecture"] == slug) & (losses["part"] == part), "value"] = value
    return off(recorded, losses=losses)


@pytest.mark.parametrize(
    ("slug", "settings"),
    [
        ("beta-vae", Weighted(beta=4.001)),
        ("beta-vae", Weighted(beta=1.0)),
        ("factor-vae", Adversarial(weight=10.01, widths=(128, 256), learning_rate=1e-4)),
        ("ciwae", Importance(groups=1, samples=5, beta=0.501)),
    ],
    ids=["β-VAE a little off", "β-VAE is a VAE", "FactorVAE's γ", "CIWAE's β"],
)
def test_a_wrong_beta(recorded: Golden, monkeypatch: pytest.MonkeyPatch, slug: str, settings: Any) -> None:
    assert initial_losses(recorded, slug) == {}, "without a mistake"
    entry = replace(registry.REGISTRY[slug], settings=settings)
    monkeypatch.setitem(registry.REGISTRY, slug, entry)
    assert initial_losses(recorded, slug) == {slug: {"initial loss_autoencoder"}}


def without_kl(model: gaussian.VariationalAutoencoder, batch: Batch, progress: float) -> Losses:
    """A VAE's loss that forgot its KL term."""
    parts = gaussian.PythaeGaussian.losses(model, batch, progress).parts
    return Losses({"autoencoder": parts["reconstruction"]}, parts)


def test_a_dropped_kl_term_at_initialisation(recorded: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    assert initial_losses(recorded, "vae") == {}, "without a mistake"
    monkeypatch.setattr(gaussian.VariationalAutoencoder, "losses", without_kl)
    assert initial_losses(recorded, "vae") == {"vae": {"initial loss_autoencoder"}}


# --- mistakes in training and evaluation: made in the code, run on the tiny campaign --------------------------


@pytest.fixture(scope="module")
def tiny_golden(finished: Store, recorded: Golden) -> Golden:
    """The tiny campaign as golden numbers, with the recorded tolerances."""
    provenance = {**recorded.provenance, "data": "tiny"}
    return golden.of_records(assembled(finished, RUNS), recorded.losses, provenance, recorded.tolerances)


@pytest.fixture(scope="module")
def smoke_ae(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the smoke campaign's AE, which has learnt enough that a pixel matters."""
    made = Store(tmp_path_factory.mktemp("smoke"), PROFILES["smoke"])
    assert execute(made, [SMOKE_AE], device="cpu", jobs=1).exit_code == 0
    return made


def made_again(store: Store, run: RunId, before: Golden, *, trained: bool = False) -> dict[str, set[str]]:
    """What is off when one run is evaluated (or trained) again by today's code."""
    wanted = [run] if run == SMOKE_AE else RUNS
    folder = store.path(run)
    given = None if trained else {name: store.read(folder, name) for name in TRAINED}
    job = worker.Job(store.protocol, run, "cpu", str(folder / "checkpoint.bin"), given)
    store.publish(run, worker.perform(job, lambda event: None))
    return off(before, **golden.frames(assembled(store, wanted)))


def test_a_kl_term_dropped_in_training_shows_in_its_loss_and_in_the_images(
    store: Store, tiny_golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaussian.VariationalAutoencoder, "losses", without_kl)
    assert {"training_loss by epoch", "ssim"} <= made_again(store, VAE, tiny_golden, trained=True)["vae"]


def test_another_ssim_window(store: Store, tiny_golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made_again(store, VAE, tiny_golden) == {}, "without a mistake"
    monkeypatch.setattr(metrics, "ssim", metrics.RIVAL_SSIMS["uniform7"])
    found = made_again(store, VAE, tiny_golden)
    assert found.keys() == {"vae"}
    assert {"ssim", "test_ssim"} <= found["vae"]
    assert all("ssim" in metric for metric in found["vae"])


def test_mean_for_sampled_codes(store: Store, tiny_golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian.VariationalAutoencoder, "sample", lambda model, x: model.encode(x))
    assert {"ssim", "test_ssim"} & made_again(store, VAE, tiny_golden)["vae"]


def test_images_moved_by_a_pixel(smoke_ae: Store, recorded: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    same = recorded.losses, recorded.provenance, recorded.tolerances
    before = golden.of_records(assembled(smoke_ae, [SMOKE_AE]), *same)
    assert made_again(smoke_ae, SMOKE_AE, before) == {}
    through = evaluation.Evaluator.through

    def shifted(evaluator: evaluation.Evaluator, *arguments: Any) -> np.ndarray:
        return np.roll(through(evaluator, *arguments), 1, axis=-1)

    monkeypatch.setattr(evaluation.Evaluator, "through", shifted)
    assert {"ssim", "mse", "test_ssim", "test_mse"} <= made_again(smoke_ae, SMOKE_AE, before)["ae"]


def test_piq_summed_not_averaged(store: Store, tiny_golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    smoothness = metrics.smoothness

    def summed(frames: np.ndarray) -> metrics.Smoothness:
        found = smoothness(frames)
        return replace(found, piq=found.piq * frames.shape[-1] * frames.shape[-2])

    monkeypatch.setattr(metrics, "smoothness", summed)
    assert made_again(store, AE, tiny_golden) == {"ae": {"piq", "piq by pair", "test_piq"}}


# --- rows in each other's place: every mean stays what it was -------------------------------------------------


@pytest.mark.parametrize("frame", ["images", "pairs", "curves"])
def test_rows_moved_on_by_one(recorded: Golden, frame: str) -> None:
    table = getattr(recorded, frame).copy()
    columns = [column for name, column in BY_ROW if name == frame]
    table[columns] = table.groupby(["architecture", "seed"])[columns].transform(lambda rows: np.roll(rows, 1))
    found = off(recorded, elsewhere=False, **{frame: table})
    assert found.keys() == set(SLUGS)
    assert set(SLUGS) - off(recorded, **{frame: table}).keys() <= chaotic(recorded)
    by_row = {called for (name, _), (called, _) in BY_ROW.items() if name == frame}
    assert set.union(*found.values()) <= by_row


# --- runs in each other's place, old, twice, missing ----------------------------------------------------------


def test_a_swapped_pair_of_models(recorded: Golden) -> None:
    swapped = {"vae": "beta-vae", "beta-vae": "vae"}
    runs = recorded.runs.assign(architecture=recorded.runs["architecture"].replace(swapped))
    assert off(recorded, runs=runs).keys() == {"vae", "beta-vae"}


def test_swapped_folders_are_no_fresh_runs(store: Store) -> None:
    first, second, aside = store.path(AE), store.path(VAE), store.folder / "x"
    for source, target in ((first, aside), (second, first), (aside, second)):
        shutil.move(source, target)
    with pytest.raises(ReproduceError, match=r"2 of 5 runs are not fresh, the first: ae/seed-1 is stale"):
        golden.require_fresh(store, RUNS)


def test_a_stale_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    golden.require_fresh(store, RUNS)
    monkeypatch.setitem(registry.REGISTRY, "vae", replace(registry.REGISTRY["vae"], revision=99))
    with pytest.raises(ReproduceError, match=r"1 of 5 .* vae/seed-1 is stale \(revision was 1, is 99\)"):
        golden.require_fresh(store, RUNS)
    with pytest.raises(ReproduceError, match="vae/seed-1 is stale"):
        golden.require_fresh(store, RUNS, some=True)


def test_a_failed_run(store: Store) -> None:
    store.publish(AE, RunResult({}, {}, {"epoch": 2, "reason": "training_loss is inf"}))
    with pytest.raises(ReproduceError, match=r"1 of 5 .* ae/seed-1 is failed \(epoch 2: "):
        golden.require_fresh(store, RUNS, some=True)


def test_one_seed_used_twice(recorded: Golden) -> None:
    """The second seed's runs are the first's again: off, and refused where records are read, too."""
    runs = recorded.runs.copy()
    first, second = (runs["seed"] == seed for seed in (42, 123))
    columns = [name for name in runs.columns if name != "seed"]
    runs.loc[second, columns] = runs.loc[first, columns].to_numpy()
    runs = runs.infer_objects()
    assert off(recorded, elsewhere=False, runs=runs).keys() == set(SLUGS)
    assert set(SLUGS) - off(recorded, runs=runs).keys() <= chaotic(recorded)
    with pytest.raises(ReproduceError, match="runs with equal metrics: ae/seed-42, "):
        reading.distinct_metrics(as_records(recorded, runs=runs).runs)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the golden folder that a test may change."""
    shutil.copytree(golden.FOLDER, tmp_path / "golden")
    return tmp_path / "golden"


@pytest.mark.parametrize("name", ["runs", "images", "pairs", "curves", "losses"])
def test_a_golden_row_removed(recorded: Golden, folder: Path, name: str) -> None:
    path = folder / "smoke" / f"{name}.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:7] + lines[8:]))
    refused = rf"golden lacks .* rows of {name}|holds other runs than runs\.csv"
    with pytest.raises(ReproduceError, match=refused):
        golden.compare(golden.read("smoke", folder), recorded)


def test_a_nan_in_the_results(recorded: Golden) -> None:
    runs = recorded.runs.copy()
    runs.loc[3, "piq"] = np.nan
    assert off(recorded, runs=runs) == {runs.loc[3, "architecture"]: {"piq"}}


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("runs", "ssim", np.nan),
        ("losses", "value", np.nan),
        ("bands", "same_relative", np.nan),
        ("bands", "same_relative", -1.0),
        ("losses", "part", np.nan),
        ("images", "image", 0.5),
        ("curves", "seed", "x"),
        ("runs", "mse", "x"),
        ("runs", "architecture", "../ae"),
    ],
)
def test_a_wrong_golden_value(recorded: Golden, folder: Path, name: str, column: str, value: object) -> None:
    path = folder / "smoke" / f"{name}.csv"
    table = pd.read_csv(path).astype({column: object})
    table.loc[1, column] = value
    table.to_csv(path, index=False)
    with pytest.raises(ReproduceError, match=name):
        golden.compare(golden.read("smoke", folder), recorded)


def test_another_profiles_numbers(recorded: Golden, folder: Path) -> None:
    shutil.copytree(folder / "smoke", folder / "quick", dirs_exist_ok=True)
    with pytest.raises(ReproduceError, match=r"quick holds the numbers of another profile \('smoke'\)"):
        golden.read("quick", folder)
    with pytest.raises(ReproduceError, match="golden is of profile 'smoke', the results of 'quick'"):
        golden.compare(recorded, replace(recorded, profile="quick"))


# --- and the command says so ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "profile", "code"),
    [(1.0, "smoke", 0), (2.0, "smoke", 1), (1.0, "quick", 2)],
    ids=["no mistake", "off", "refused"],
)
def test_the_exit_code(
    recorded: Golden, command: Command, monkeypatch: pytest.MonkeyPatch, times: float, profile: str, code: int
) -> None:
    runs = recorded.runs.assign(mse=recorded.runs["mse"] * times)
    records = replace(as_records(recorded, runs=runs), profile=profile)
    monkeypatch.setattr(golden, "require_fresh", lambda *_, **__: None)
    monkeypatch.setattr(golden, "initial_losses", lambda _: recorded.losses)
    monkeypatch.setattr(commands, "records_and_provenance", lambda *_: (records, {}))
    found, out, _ = command("check", "--profile", "smoke")
    assert found == code
    numbers = len(recorded.runs) * (len(COMPARED) + len(EXACT) + len(BY_ROW)) + len(recorded.losses)
    if code != 2:
        assert out.splitlines()[-1].startswith(f"profile smoke: {numbers} numbers compared, {44 * code} off")
    else:
        assert out == ""
