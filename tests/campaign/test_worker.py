from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from reproduce import evaluation
from reproduce.campaign import worker
from reproduce.campaign.worker import Job
from reproduce.protocol import Protocol
from reproduce.storage.runs import RunId
from reproduce.storage.store import HISTORY, TRAINED, Store


def job(tiny: Protocol, run: RunId, folder: Path, **changes: Any) -> Job:
    return Job(tiny, run, "cpu", str(folder / "checkpoint.bin"), **changes)


def test_a_worker_writes_nothing_but_its_checkpoint(tiny: Protocol, tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    outcome = worker.perform(job(tiny, RunId("ae", 1), tmp_path), events.append)
    assert [path.name for path in tmp_path.rglob("*")] == ["checkpoint.bin"]
    assert outcome.failure is None
    assert [event.get("epoch", event.get("phase")) for event in events] == [1, 2, "evaluating"]
    assert outcome.provenance["flags"]["threads"] == 1
    assert {"torch", "numpy", "pythae"} <= outcome.provenance["versions"].keys()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda found: found.scalars.update(test_ssim=math.nan), "test_ssim is nan"),
        (lambda found: found.scalars.update(kl=math.inf), "kl is inf"),
        (lambda found: found.pairs.__setitem__("piq", -math.inf), "pairs: piq is -inf"),
        (lambda found: found.digits.__setitem__("mae", math.nan), "digits: mae is nan"),
        (lambda found: found.samples["codes"].fill(math.nan), "codes: a value is nan"),
    ],
)
def test_a_run_whose_measurements_are_not_finite_fails_with_the_reason(
    tiny: Protocol, tmp_path: Path, finished: Store, monkeypatch: pytest.MonkeyPatch, spoil: Any, reason: str
) -> None:
    honest = evaluation.evaluate

    def spoilt(*settings: Any) -> evaluation.Evaluation:
        found = honest(*settings)
        spoil(found)
        return found

    monkeypatch.setattr(evaluation, "evaluate", spoilt)
    trained = {name: (finished.path(RunId("vae", 1)) / name).read_bytes() for name in TRAINED}
    outcome = worker.perform(job(tiny, RunId("vae", 1), tmp_path, trained=trained), lambda event: None)
    assert outcome.files == trained, "what was trained is kept"
    assert outcome.failure == {"epoch": 2, "reason": reason}


def test_the_least_loss_is_that_of_the_run_with_its_epoch_and_how_many_there_were(
    tiny: Protocol, tmp_path: Path, finished: Store
) -> None:
    trained = {name: (finished.path(RunId("vae", 1)) / name).read_bytes() for name in TRAINED}
    trained[HISTORY] = b"epoch,training_loss,validation_loss\n1,9.0,3.0\n2,9.0,1.0\n3,9.0,2.0\n"
    outcome = worker.perform(job(tiny, RunId("vae", 1), tmp_path, trained=trained), lambda event: None)
    scalars = json.loads(outcome.files["scalars.json"])
    assert [scalars[name] for name in ("epochs", "best_epoch", "validation_loss")] == [3, 2, 1]


def test_one_thread_does_it_all_whatever_the_environment_says(
    tiny: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Seen(Exception):
        """The evaluation is reached; what it would say is of no interest."""

    def looked_at(*settings: Any) -> None:
        raise Seen({library["num_threads"] for library in threadpool_info()})

    monkeypatch.setattr(evaluation, "evaluate", looked_at)
    with threadpool_limits(limits=2):
        with pytest.raises(Seen) as seen:
            worker.perform(job(tiny, RunId("pca-16", 0), tmp_path), lambda event: None)
        assert {library["num_threads"] for library in threadpool_info()} != {1}
    assert seen.value.args == ({1},)
