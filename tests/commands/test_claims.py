"""`claims`: the ten claims first, every statement on demand, from what is kept beside a report where that is valid."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from reproduce.architectures.names import SLUGS
from reproduce.commands import claims, options
from reproduce.commands.options import PUBLISHED
from reproduce.protocol import Protocol, profile
from reproduce.storage import runs
from reproduce.storage.store import RunResult, Store
from reproduce.verdicts import stored, summary
from reproduce.verdicts.judge import judge
from reproduce.verdicts.registry import load
from tests import bare
from tests.synthetic import make_records
from tests.tiny import AE, RUNS, VAE, Command


@pytest.fixture
def claimed(command: Command) -> Command:
    """The command `claims`."""
    return partial(command, "claims")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """What is kept beside a report on `desk`."""
    verdicts = judge(make_records("desk", (42,)))
    ten = summary.ten({"desk": verdicts, "paper": judge(None)})
    return json.loads(json.dumps(stored.document(verdicts, ten, "desk", "", {})))


@pytest.fixture
def kept(document: dict[str, Any], tmp_path: Path) -> list[str]:
    """A results root with a valid document; the words that name it."""
    root = tmp_path / "results"
    beside = claims.profiles_beside(claims.judged_profile("desk", root))
    key = stored.key((root, tmp_path / "published"), ["desk", *(other.name for other in beside)])
    (root / "desk" / "report").mkdir(parents=True)
    stored.write(root / "desk" / "report", document | {"key": key})
    return ["--profile", "desk", "--results", str(root)]


def test_a_bare_call_shows_the_ten_claims_and_how_to_see_the_rest(claimed: Command, kept: list[str]) -> None:
    code, out, err = claimed(*kept)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line[:3] for line in lines if line[:2].strip().isdigit()] == [f"{n:2}." for n in range(1, 11)]
    assert lines[0].endswith("[VI-A, text; VI-A.p]")
    assert lines[1] == "    within the paper: consistent"
    assert lines[2].startswith("    desk: reproduced (grade C, ")
    assert "    paper: " not in out, "a profile without verdicts has no line"
    assert all(option in lines[-1] for option in ("--all", "--id NAME"))
    assert {"profile", "ten", "tally", "statements"} <= set(json.loads(claimed(*kept, "--json")[1]))


def test_without_results_the_paper_is_judged_and_nothing_kept(claimed: Command, tmp_path: Path) -> None:
    code, out, err = claimed("--profile", "desk", "--results", str(tmp_path / "nowhere"))
    assert (code, err) == (0, "")
    assert out.count("    within the paper: ") == 10
    assert "(profile desk has no results that are judged)" in out
    assert not (tmp_path / "nowhere").exists()


def test_every_name_of_every_place_finds_its_statement(claimed: Command, kept: list[str]) -> None:
    names = [name for own in load() for name in own.ids]
    code, out, _ = claimed(*kept, "--json", *(word for name in names for word in ("--id", name)))
    assert code == 0
    assert {alias for own in json.loads(out) for alias in own["aliases"]} == set(names)
    (own,) = json.loads(claimed(*kept, "--json", "--id", "IV-G.aae-spread")[1])
    assert own["id"] == "IV-C.aae-largest-spread"


def test_a_statement_is_shown_with_its_places_and_both_verdicts(claimed: Command, kept: list[str]) -> None:
    first, places, printed, within, ours = claimed(*kept, "--id", "Abstract.ae-ssim")[1].splitlines()
    assert first.startswith("T1.ae.ssim  SSIM of AE")
    assert places.startswith("    places: Table I, AE, SSIM; Abstract, abstract; ")
    assert printed == "    printed: 0.908"
    assert within.startswith("    within the paper: consistent; ")
    assert ours.startswith("    in desk: not judged; a size, and desk has another schedule than the paper; ")
    text = claimed(*kept, "--id", "III-A.batch")[1]
    assert text.splitlines()[-1] == "    in results: no result bears on it"


def test_filters_narrow_each_other(claimed: Command, kept: list[str]) -> None:
    def asked(*words: str) -> list[dict[str, Any]]:
        return json.loads(claimed(*kept, "--json", *words)[1])

    everything, whole = asked("--all"), asked("--section", "IV")
    assert len(everything) == len(load())
    assert whole == [own for own in everything if any(place.startswith("IV-") for place in own["places"])]
    part = asked("--section", "IV-A")
    assert part == [own for own in whole if any(place.startswith("IV-A, ") for place in own["places"])]
    wrong = asked("--section", "IV", "--verdict", "inconsistent")
    assert wrong == [own for own in whole if own["within_paper"] == "inconsistent"] != []
    assert asked("--verdict", "reproduced") == [own for own in everything if own["verdict"] == "reproduced"]
    assert asked("--important") == [own for own in everything if own["important"]]
    assert asked("--verdict", "defined differently", "--section", "I") == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--verdict", "true"], "error: no verdict is 'true'; known are consistent, "),
        (["--section", "IX"], "error: no statement is of section 'IX'; known are Abstract, "),
        (["--section", "I-"], "error: no statement is of section 'I-'"),
        (["--id", "IV-A.nothing"], "error: there is no statement 'IV-A.nothing': list them with"),
        (["--seeds", "x"], "error: seeds are whole numbers with commas between, not 'x'"),
        (["--profile", "nonsense"], "error: "),
    ],
)
def test_what_fits_no_statement_is_one_line_and_exit_code_2(
    claimed: Command, kept: list[str], words: list[str], message: str
) -> None:
    code, out, err = claimed(*kept, *words)
    assert (code, out) == (2, "")
    assert err.startswith(message)
    assert err.count("\n") == 1


@pytest.fixture
def campaign(store: Store, tiny_profile: Protocol) -> list[str]:
    """The words that name a finished campaign."""
    return ["--profile", "tiny", "--results", str(store.folder.parent)]


def test_verdicts_on_a_campaign_are_kept_until_it_changes(
    claimed: Command, store: Store, campaign: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = Mock(wraps=claims.judged)
    monkeypatch.setattr(claims, "judged", judged)
    words = [*campaign, "--id", "III-A.capacity"]
    first = claimed(*words)
    assert claimed(*words) == first
    assert judged.call_count == 1
    kept = store.folder / "report" / "verdicts.json"
    before = kept.stat().st_mtime_ns
    claimed(*words, "--seeds", "1")
    assert (judged.call_count, kept.stat().st_mtime_ns) == (2, before), "what is kept rests on all seeds"
    manifest = store.path(AE) / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    claimed(*words)
    assert judged.call_count == 3


def test_a_folder_that_cannot_be_written_to_is_no_reason_not_to_answer(
    claimed: Command, campaign: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "write", Mock(side_effect=PermissionError))
    assert claimed(*campaign)[0] == 0


def test_claims_are_judged_on_the_seeds_that_are_asked_for(
    claimed: Command, campaign: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seeds, told in (("2", "in tiny: no results"), ("1", "profile tiny gives no verdicts")):
        monkeypatch.setenv("SEEDS", seeds)
        assert told in claimed(*campaign, "--id", "IV-A.ae-best")[1].splitlines()[-1]


def test_a_kept_answer_needs_neither_numpy_nor_pandas(kept: list[str], tmp_path: Path) -> None:
    elsewhere = "import pathlib\nfrom reproduce.commands import options\n"
    elsewhere += f"options.PUBLISHED = pathlib.Path({str(tmp_path / 'published')!r})"
    words = ["claims", *kept, "--id", "Abstract.r"]
    heavy = ("numpy", "pandas", "scipy", "torch", "matplotlib")
    assert "in desk: reproduced" in bare.spares(words, heavy, tmp_path, elsewhere)


def test_claims_on_stale_runs_say_so_in_one_line(
    claimed: Command, store: Store, campaign: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only "no results": they are there, and one command away. A run that is missing is not counted."""
    shutil.rmtree(store.path(AE))
    monkeypatch.setattr(runs, "EVALUATION_REVISION", runs.EVALUATION_REVISION + 1)
    code, out, err = claimed(*campaign, "--id", "IV-A.ae-best")
    assert code == 0
    assert out.splitlines()[-1].endswith("no results")
    assert err == (
        f"warning: 4 of {len(SLUGS) + 2} runs of profile tiny are stale and take no part (pca-16/seed-0: the "
        "evaluation has changed since): see `make status PROFILE=tiny`, then run `make reproduce PROFILE=tiny`\n"
    )


def test_claims_where_the_only_run_that_is_not_stale_has_failed(
    claimed: Command, store: Store, campaign: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "EVALUATION_REVISION", runs.EVALUATION_REVISION + 1)
    store.publish(VAE, RunResult({}, {}, {"epoch": 1, "reason": "loss_all is nan"}))
    code, out, _ = claimed(*campaign, "--id", "IV-A.ae-best")
    assert code == 0
    assert out.splitlines()[-1].endswith("no results")


def test_a_store_in_which_everything_is_damaged_is_not_taken_for_an_empty_one(
    claimed: Command, store: Store, campaign: list[str]
) -> None:
    for run in RUNS:
        (store.path(run) / "images.csv").write_text("spoilt")
    code, _, err = claimed(*campaign, "--id", "III-H.run")
    assert code == 2
    assert "ae/seed-1 of profile 'tiny' is damaged" in err


def test_in_a_clone_without_a_gpu_the_published_verdicts_are_shown(
    claimed: Command, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default profile there gives none."""
    asked: list[Protocol] = []
    monkeypatch.setattr(options, "PUBLISHED", PUBLISHED)
    monkeypatch.setattr(options, "light_profile", lambda *_: profile("quick"))
    monkeypatch.setattr(claims, "judged", lambda protocol, *_: asked.append(protocol) or document)
    assert claimed("--results", str(tmp_path / "results"))[0] == 0
    (judged,) = asked
    assert judged.verdicts
    assert any((PUBLISHED / judged.name).glob("*/seed-*/manifest.json"))
