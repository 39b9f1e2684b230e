from __future__ import annotations

from collections.abc import Iterator

import dask.system
import pytest
import torch

from reproduce.errors import ReproduceError
from reproduce.machine import devices


@pytest.fixture
def switches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts every switch back that `configure` turns."""
    before = (
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark,
        torch.backends.cudnn.deterministic, torch.are_deterministic_algorithms_enabled(),
    )  # fmt: skip
    for name in ("CUBLAS_WORKSPACE_CONFIG", devices.TF32_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before[:2]
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = before[2:4]
    torch.use_deterministic_algorithms(before[4])


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card to ask for its name."""
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "NVIDIA A40")


@pytest.mark.usefixtures("switches", "card")
@pytest.mark.parametrize("tf32", [False, True])
def test_a_gpu_is_deterministic_and_without_tf32_unless_asked_and_the_provenance_says_so(tf32: bool) -> None:
    devices.configure("cuda", **({"tf32": True} if tf32 else {}))
    found = devices.flags("cuda")
    assert found["tf32_matmul"] is found["tf32_convolution"] is tf32
    assert found["deterministic_algorithms"] is True
    assert (found["cudnn_deterministic"], found["cudnn_benchmark"]) == (True, False)
    assert found["cublas_workspace"] == ":4096:8"
    assert found["gpu"] == "NVIDIA A40"
    assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is tf32


@pytest.mark.usefixtures("switches", "card")
@pytest.mark.parametrize(("tf32", "value"), [(True, "0"), (False, "1")])
def test_a_variable_that_decides_otherwise_is_refused_and_one_that_agrees_is_in_the_provenance(
    monkeypatch: pytest.MonkeyPatch, tf32: bool, value: str
) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", value)
    with pytest.raises(ReproduceError, match=f"NVIDIA_TF32_OVERRIDE={value} decides otherwise: unset it"):
        devices.configure("cuda", tf32)
    devices.configure("cpu", tf32)
    devices.configure("cuda", not tf32)
    assert devices.flags("cuda")["tf32_override"] == value


def test_workers_of_this_machine_go_round_the_cards_and_others_keep_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    for name in (0, 1, 2, "5", "tcp://10.0.0.1:4711"):
        devices.take_turns(name)
    assert chosen == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("device", "cores", "cards", "jobs"),
    [("cpu", 6, 0, 6), ("cuda", 48, 2, 8), ("cuda", 48, 1, 4), ("cuda", 3, 1, 3)],
    ids=["a core each", "four a card", "one card", "no more than cores"],
)
def test_runs_at_a_time(
    monkeypatch: pytest.MonkeyPatch, device: str, cores: int, cards: int, jobs: int
) -> None:
    monkeypatch.setattr(dask.system, "cpu_count", lambda: cores)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    assert devices.default_jobs(device, per_card=4) == jobs
