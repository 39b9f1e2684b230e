"""What is copied into the project's tracked folders, and that nothing else there changes."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from reproduce.commands import report as command
from reproduce.errors import ReproduceError
from reproduce.protocol import PROFILES, Protocol
from reproduce.report import MANIFESTS, PAGES
from reproduce.storage import files, publishing
from reproduce.storage.runs import RunId, canonical
from reproduce.storage.store import (
    FAILED,
    FRESH,
    MANIFEST,
    PROVENANCE,
    RECORDS,
    SAMPLES,
    TRAINED,
    WEIGHTS,
    RunResult,
    Store,
)
from reproduce.verdicts.judge import judge
from tests import faults
from tests.tiny import AE, MEAN_IMAGE, RUNS, VAE, assembled

PARTS = ("status", "table-1", "errata")
"""Places of README and docs that every report fills."""
FAILURE = {"epoch": 2, "reason": "kl is inf"}
REMEMBERED = functools.cache(files.compressed)


@pytest.fixture(autouse=True)
def compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files are published in every test."""
    monkeypatch.setattr(files, "compressed", REMEMBERED)


def note(report: Path, store: Store) -> None:
    """The report was made from what is there now."""
    (report / MANIFESTS).write_bytes(canonical(publishing.manifests(store)))


def judging(store: Store, published: Path | None = None) -> Store:
    """The same results, of a profile that allows verdicts."""
    return Store(store.folder.parent, replace(store.protocol, verdicts=True), published)


def publish(store: Store, report: Path, project: Path) -> list[RunId]:
    return publishing.publish(store, report, project, project / "published")


@pytest.fixture
def report(tmp_path: Path, store: Store) -> Path:
    """A rendered report, as far as publishing looks at it."""
    tables, figures, readme = (tmp_path / "report" / name for name in ("tables", "figures", PAGES))
    for folder in (tables, figures, readme):
        folder.mkdir(parents=True)
    for name in ("table1.md", "table1.tex", "ledger.csv"):
        (tables / name).write_text(name)
    for name in PARTS:
        (readme / f"{name}.md").write_text(f"fresh {name}\n")
    (figures / "fig1.png").write_bytes(b"png")
    (tmp_path / "report" / "report.tex").write_text("rendered last")
    note(tmp_path / "report", store)
    (figures / "notes.txt").write_text("not a figure")
    return tmp_path / "report"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's root with a README and a page of docs whose blocks are stale."""
    root = tmp_path / "project"
    (root / "docs").mkdir(parents=True)
    blocks = [f"<!-- begin: {name} -->\nstale\n<!-- end: {name} -->\n" for name in PARTS]
    (root / "README.md").write_text(f"before\n{''.join(blocks[:-1])}after\n")
    (root / "docs" / "ERRATA.md").write_text(blocks[-1])
    return root


def test_a_report_that_lacks_a_part_leaves_its_block_alone(report: Path, project: Path, store: Store) -> None:
    readme = project / "README.md"
    readme.write_text(readme.read_text() + "<!-- begin: readings -->\nkept\n<!-- end: readings -->\n")
    publish(store, report, project)
    assert "\nkept\n" in readme.read_text()
    (report / PAGES / "readings.md").write_text("fresh readings\n")
    publish(store, report, project)
    assert "\nkept\n" not in readme.read_text()
    assert "\nfresh readings\n" in readme.read_text()


def test_old_tables_and_figures_go_and_only_tables_figures_blocks_and_the_report_come(
    report: Path, project: Path, store: Store
) -> None:
    (project / "figures").mkdir()
    (project / "figures" / "fig9.png").write_bytes(b"of an earlier version")
    (report / "report.pdf").write_bytes(b"%PDF")
    other = project / "published" / "other" / "report.pdf"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"of the tables before")
    assert publish(store, report, project) == [], "runs only where the profile allows verdicts"
    assert [path.name for path in (project / "figures").iterdir()] == ["fig1.png"]
    assert {path.name for path in (project / "tables").iterdir()} == {"ledger.csv", "table1.md", "table1.tex"}
    assert [path.name for path in (project / "published" / "tiny").iterdir()] == ["report.pdf"]
    assert not other.exists()
    text = (project / "README.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    text += (project / "docs" / "ERRATA.md").read_text()
    assert "stale" not in text
    assert all(f"-->\nfresh {name}\n<!--" in text for name in PARTS)


def refusal(report: Path, project: Path, store: Store) -> str:
    """Why the report is not published; nothing has been copied."""
    before = snapshot(project)
    with pytest.raises(ReproduceError) as refused:
        publish(store, report, project)
    assert snapshot(project) == before
    return str(refused.value)


@pytest.fixture
def published(project: Path) -> Path:
    return project / "published"


def clone_of(store: Store, published: Path) -> Store:
    """The same profile where nothing but what was published is at hand."""
    return Store(published / "no results", store.protocol, published)


def place(store: Store, published: Path, run: RunId) -> Path:
    return published / store.protocol.name / run.folder


def whole(store: Store) -> dict[str, bytes]:
    """The files of the finished VAE."""
    return {name: store.read(store.path(VAE), name) for name in (WEIGHTS, *RECORDS)}


def test_what_is_half_rendered_or_has_no_place_is_refused(report: Path, project: Path, store: Store) -> None:
    (report / PAGES / "x.md").write_text("new\n")
    (project / "docs" / "X.md").write_text("<!-- begin: x -->\nits end is gone\n")
    assert "has the block 'x'" in refusal(report, project, store)
    published = project / "published" / store.protocol.name / "report.pdf"
    published.parent.mkdir(parents=True)
    published.write_bytes(b"it would lie beside other tables")
    assert "run `make pdf` first" in refusal(report, project, store)
    published.parent.rename(published.parent.with_name("other"))
    assert "other/report.pdf would stay as it was" in refusal(report, project, store)
    (report / "report.tex").unlink()
    assert "nothing to publish: run `make render` first" in refusal(report, project, store)
    shutil.rmtree(report / PAGES)
    assert "nothing to publish: run `make render` first" in refusal(report, project, store)


def test_a_report_older_than_the_last_run_is_not_published(report: Path, project: Path, store: Store) -> None:
    """Its numbers would stand beside other runs."""
    store.publish(VAE, RunResult({}, {}, FAILURE))
    remedy = f"since {report} was rendered: run `make render` (or `make pdf`) first"
    assert refusal(report, project, store) == f"a run has finished {remedy}"
    store.publish(AE, RunResult({}, {}, FAILURE))
    assert refusal(report, project, store) == f"2 runs have finished {remedy}"
    note(report, store)
    publish(store, report, project)
    shutil.rmtree(store.path(VAE))
    assert refusal(report, project, store) == f"a run has gone {remedy}"


def test_a_run_that_finishes_while_the_report_is_rendered_is_missed_by_it_and_so_refused(
    report: Path, project: Path, store: Store, tiny_profile: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest is older than report.tex, and the records were read before."""
    read = command.records_and_provenance

    def read_before_it(*words: Any) -> Any:
        found = read(*words)
        store.publish(VAE, RunResult({}, {}, FAILURE))
        return found

    def rendered(*words: Any, manifests: dict[str, list[str]], **rest: Any) -> None:
        (report / MANIFESTS).write_bytes(canonical(manifests))

    monkeypatch.setattr("reproduce.report.render", rendered)
    monkeypatch.chdir(project)
    monkeypatch.setattr(command, "records_and_provenance", read_before_it)
    command.render("tiny", store.folder.parent)
    assert refusal(report, project, store).startswith("a run has finished since")
    monkeypatch.setattr(command, "records_and_provenance", read)
    command.render("tiny", store.folder.parent)
    publishing.require_latest(store, report)


def test_a_published_run_counts_like_one_of_the_results(report: Path, project: Path, store: Store) -> None:
    """Another clone published it, and it was pulled. What this one publishes may be published again."""
    judged = judging(store, project / "published")
    pulled = Store(project / "published", store.protocol)
    for epoch in (1, 2):
        note(report, judged)
        pulled.publish(VAE, RunResult({}, {}, FAILURE | {"epoch": epoch}))
        assert refusal(report, project, judged).startswith("a run has finished since")
    note(report, judged)
    assert VAE in publish(judged, report, project)
    assert publish(judged, report, project) == []


def test_a_run_of_a_profile_that_is_compared_counts_too(
    report: Path, project: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = judging(store)
    other, bare = replace(judged.protocol, name="other"), replace(store.protocol, name="bare")
    profiles = {each.name: each for each in (judged.protocol, other, bare)}
    monkeypatch.setattr(publishing.protocol, "PROFILES", profiles)
    note(report, judged)
    Store(store.folder.parent, bare).publish(VAE, RunResult({}, {}, FAILURE))
    publishing.require_latest(judged, report)
    Store(store.folder.parent, other).publish(VAE, RunResult({}, {}, FAILURE))
    publishing.require_latest(store, report)
    assert refusal(report, project, judged).startswith("a run has finished since")


@pytest.mark.parametrize("content", [None, b"", b"[]", b"[" * 100_000, b'{"tiny/vae/seed-1": "a"}'])
def test_a_report_that_does_not_say_what_it_was_made_from_is_not_published(
    report: Path, project: Path, store: Store, content: bytes | None
) -> None:
    (report / MANIFESTS).unlink()
    if content is not None:
        (report / MANIFESTS).write_bytes(content)
    assert f"{report} does not say which runs it was made from" in refusal(report, project, store)
    (report / MANIFESTS).write_bytes(canonical({run: [1, None] for run in publishing.manifests(store)}))
    assert refusal(report, project, store).startswith(f"{len(RUNS)} runs have finished since")


DIES = functools.partial(faults.kill_at, death=Mock(side_effect=KeyboardInterrupt))
"""The interrupt stands for the process's death."""


@pytest.mark.parametrize(("fault", "end"), [(DIES, KeyboardInterrupt), (faults.full_at, ReproduceError)])
def test_a_publish_that_ends_anywhere_leaves_whole_files_and_the_next_one_completes_it(
    report: Path, project: Path, store: Store, monkeypatch: pytest.MonkeyPatch, fault: Any, end: Any
) -> None:
    """One run with a manifest of an earlier campaign, a figure that goes, a ledger, and everything that changes."""
    judged = judging(store)
    for run in set(RUNS) - {MEAN_IMAGE}:
        shutil.rmtree(judged.path(run))
    note(report, judged)
    run_of_before = place(judged, project / "published", MEAN_IMAGE)
    shutil.copytree(judged.path(MEAN_IMAGE), run_of_before)
    for path in (run_of_before / MANIFEST, run_of_before / "old.csv", project / "figures" / "fig9.png"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"old")
    monkeypatch.setattr(files.os, "fsync", lambda handle: None)
    # as if each were another process that has ended, with temporary names of its own
    monkeypatch.setattr(files.os, "getpid", itertools.count(2**22).__next__)
    complete = project.with_name("complete")
    shutil.copytree(project, complete)
    publish(judged, report, complete)
    old, new = snapshot(project), snapshot(complete)
    unpacked = {*publishing.PACKED} - {"milestones.csv"}  # a reference has none
    goes = {f"published/tiny/mean-image/seed-0/{name}" for name in ("old.csv", *unpacked)}
    goes |= {"figures/fig9.png"}
    assert old.keys() - new.keys() == goes
    vanishes = goes | {name for name in old if name.endswith(MANIFEST)}
    for n in itertools.count(1):
        ended = project.with_name(f"ended-{n}")
        shutil.copytree(project, ended)
        monkeypatch.setattr(files, "observer", fault(n))
        with contextlib.suppress(end):
            publish(judged, report, ended)
            break
        monkeypatch.setattr(files, "observer", None)
        found = snapshot(ended)
        assert old.keys() - vanishes <= found.keys(), "nothing is lost"
        for name, content in found.items():
            assert content in (old.get(name), new.get(name)) or name.endswith(".part")
        publish(judged, report, ended)
        assert snapshot(ended) == new
        shutil.rmtree(ended)
    assert n > 50


def snapshot(root: Path) -> dict[str, bytes]:
    """Relative path → content of every file."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_published_runs_are_whole_but_without_weights_and_host(store: Store, published: Path) -> None:
    for debris in ("images.csv.damaged", "checkpoint-0.bin"):
        (store.path(VAE) / debris).write_bytes(b"left behind")
    copied = publishing.copy_runs(store, published)
    assert set(copied) == set(RUNS)
    for run in copied:
        folder = place(store, published, run)
        named = {*json.loads((folder / MANIFEST).read_bytes())["files"], MANIFEST, PROVENANCE}
        assert names_below(folder) == named - (set() if run.is_reference else {WEIGHTS})
        provenance = json.loads((folder / PROVENANCE).read_bytes())
        assert "host" not in provenance
        assert provenance["finished"] > 0
        assert clone_of(store, published).status(run, verify=True).state == FRESH
    assert publishing.copy_runs(store, published) == [], "what lies there already is not copied again"


def names_below(folder: Path) -> set[str]:
    """Of what files are there, compressed or not."""
    return {path.name.removesuffix(files.XZ) for path in folder.iterdir()}


def best(store: Store, profile: str) -> Store:
    """The same campaign under the name of another profile, with the seed whose weights are published."""
    protocol = replace(store.protocol, name=profile)
    found = Store(store.folder.parent, protocol)
    found.publish(RunId("vae", publishing.WEIGHTS_SEED), RunResult(whole(store), {"training_seconds": 1.0}))
    return found


@pytest.mark.parametrize("order", [("notebook", "desk", "paper"), ("paper", "desk", "notebook")])
def test_of_each_model_the_weights_of_the_best_profile_are_published_and_no_others(
    store: Store, published: Path, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    run = RunId("vae", publishing.WEIGHTS_SEED)
    stores = [best(store, profile) for profile in order]
    for each in stores:
        monkeypatch.setitem(PROFILES, each.protocol.name, each.protocol)
    for each in stores:
        publishing.copy_runs(each, published)
    assert [path.parts[-4] for path in published.rglob(f"{WEIGHTS}*")] == ["paper"]
    for each in stores:
        assert clone_of(each, published).status(run, verify=True).state == FRESH
        assert publishing.copy_runs(each, published) == []


def test_better_weights_of_another_protocol_hold_nothing_back(store: Store, published: Path) -> None:
    """Published under the name of `paper`, whose protocol is another one."""
    publishing.copy_runs(best(store, "paper"), published)
    publishing.copy_runs(best(store, "desk"), published)
    assert {path.parts[-4] for path in published.rglob(f"vae/seed-42/{WEIGHTS}*")} == {"paper", "desk"}


def test_sample_images_of_another_implementation_are_not_published(store: Store, published: Path) -> None:
    run = RunId("vae-iaf", 1, "pythae")
    store.publish(run, RunResult(whole(store), {}))
    publishing.copy_runs(store, published)
    folder = place(store, published, run)
    assert names_below(folder) == {*RECORDS, MANIFEST, PROVENANCE} - {SAMPLES}
    clone = clone_of(store, published)
    assert clone.status(run, verify=True).state == FRESH
    with pytest.raises(ReproduceError, match="its sample images were not published"):
        assembled(clone, [run]).samples("vae-iaf", 1, "pythae")


@pytest.mark.parametrize("trained", [True, False], ids=["in its evaluation", "in training"])
def test_a_failed_run_takes_the_place_of_what_was_published_and_is_one_in_a_clone(
    store: Store, published: Path, trained: bool
) -> None:
    publishing.copy_runs(store, published)
    kept = {name: content for name, content in whole(store).items() if trained and name in TRAINED}
    store.publish(VAE, RunResult(kept, {"host": "here", "training_seconds": 1.0}, FAILURE))
    assert publishing.copy_runs(store, published) == [VAE]
    folder = place(store, published, VAE)
    assert names_below(folder) == {*kept, MANIFEST, PROVENANCE} - {WEIGHTS}
    assert "host" not in json.loads((folder / PROVENANCE).read_bytes())
    clone = clone_of(store, published)
    status = clone.status(VAE, verify=True)
    assert (status.state, status.why) == (FAILED, "epoch 2: kl is inf")
    row = assembled(clone, [VAE, AE]).runs.set_index("architecture").loc["vae"]
    assert (row["status"], row["reason"], row["training_seconds"]) == ("failed", "epoch 2: kl is inf", 1.0)
    assert publishing.copy_runs(store, published) == []


def flipped(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("images.csv", None),
        (WEIGHTS, flipped),
        (PROVENANCE, None),
        (MANIFEST, lambda content: b"{}"),
    ],
)
def test_a_published_run_that_is_damaged_is_published_again(
    store: Store, published: Path, name: str, damage: Callable[[bytes], bytes] | None
) -> None:
    publishing.copy_runs(store, published)
    before = snapshot(published)
    path = files.stored(place(store, published, MEAN_IMAGE) / name)
    assert path is not None
    content = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_bytes(damage(content))
    assert publishing.copy_runs(store, published) == [MEAN_IMAGE]
    assert snapshot(published) == before


def test_weights_that_were_published_all_the_same_must_be_the_runs(store: Store, published: Path) -> None:
    publishing.copy_runs(store, published)
    weights = place(store, published, VAE) / WEIGHTS
    shutil.copyfile(store.path(VAE) / WEIGHTS, weights)
    assert publishing.copy_runs(store, published) == []
    weights.write_bytes(flipped(weights.read_bytes()))
    assert publishing.copy_runs(store, published) == [VAE]
    assert not weights.exists()


def test_runs_of_a_stale_protocol_are_not_published(store: Store, published: Path) -> None:
    other = Store(store.folder.parent, replace(store.protocol, learning_rate_scale=3.0))
    assert not [run for run in publishing.copy_runs(other, published) if not run.is_reference]


def test_records_alone_can_be_published_while_a_campaign_is_under_way(store: Store, published: Path) -> None:
    assert publishing.publish_records(store, published) == [], "the profile allows no verdicts"
    copied = publishing.publish_records(judging(store), published)
    assert set(copied) == set(RUNS)
    assert {path.name for path in published.parent.iterdir()} == {"README.md", "docs", "published"}


def test_the_errata_are_those_of_todays_registry() -> None:
    """A registry that has changed since the pages were published turns this red: `make publish`."""
    page = (Path(__file__).parents[2] / "docs" / "ERRATA.md").read_text(encoding="utf-8")
    inconsistent = {verdict.statement.id for verdict in judge(None) if verdict.within_paper == "inconsistent"}
    needs_mnist = {"III-F.piq-equation", "IV-D.rae-against-pca"}
    assert set(re.findall(r"\(`([^`]+)`;", page)) - needs_mnist == inconsistent - needs_mnist
