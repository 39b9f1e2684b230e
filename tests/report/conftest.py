"""Campaigns of every kind, rendered once each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reproduce import paper
from reproduce.architectures.names import SLUGS
from reproduce.paper import PAPER_SLUGS
from reproduce.report import figures, render
from reproduce.report.context import Context
from reproduce.storage.records import Records
from tests.synthetic import make_records

PROVENANCE = {"commit": "0123abc", "packages": {"torch": "2.14.1"}, "device": "CPU_1 & 50%"}
MADE_FROM = {"desk/ae/seed-42": ["a checksum"]}


def _reversed() -> Records:
    """The paper's rows, each under the name of the one that stands as far from the other end."""
    models = paper.models()
    return make_records("paper", (42,), targets=models.iloc[::-1].set_axis(models.index))


DAMAGE: dict[str, Any] = {"collapsed": ["beta-vae"], "failed": ["svae"], "missing": ["hvae"]}
DAMAGE |= {"variants": {"pythae": ["vamp"]}}
KINDS: dict[str, Callable[[], Records]] = {
    "all reproduced": lambda: make_records("paper", architectures=SLUGS, seed_spread=0),
    "none reproduced": _reversed,
    "collapsed and incomplete": lambda: make_records("desk", (42,), architectures=SLUGS, **DAMAGE),
    "two models": lambda: make_records("desk", (42,), architectures=["ae", "vae"]),
    "all failed": lambda: make_records("desk", (42,), failed=PAPER_SLUGS),
    "without verdicts": lambda: make_records("quick", (42,), architectures=SLUGS, collapsed=["vae"]),
}


@pytest.fixture(scope="session")
def complete() -> Context:
    """The paper's protocol, nothing missing, three seeds."""
    return Context(KINDS["all reproduced"](), PROVENANCE)


@pytest.fixture(scope="session")
def damaged() -> Context:
    """A collapsed, a failed and a missing model, one seed, and a second implementation of one."""
    return Context(make_records("notebook", (42,), **DAMAGE), PROVENANCE)


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(kind, marks=pytest.mark.slow if kind == "none reproduced" else ()) for kind in KINDS
    ],
)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of campaign in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def rendered(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report's folder of a campaign of that kind."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "tables").mkdir()
    (folder / "tables" / "old.tex").touch()
    with pytest.MonkeyPatch.context() as patched:
        # drawing takes most of the time, and has its own tests
        patched.setattr(figures, "render", blank_figures)
        render(KINDS[kind](), folder, provenance=PROVENANCE, manifests=MADE_FROM)
    return folder


def blank_figures(context: Context, folder: Path) -> tuple[str, ...]:
    """Empty files in the place of figures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in figures.FIGURES:
        (folder / f"{name}.pdf").touch()
    return tuple(figures.FIGURES)
