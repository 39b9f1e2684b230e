"""What is copied into the project's tracked folders, and that nothing else there changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reproduce import publishing
from reproduce.errors import ReproduceError
from reproduce.protocol import shortened
from reproduce.store import FRESH, MANIFEST, WEIGHTS, Store

LEDGER = """Claim,What the paper states,Within the paper's tables,In our results
a,one,consistent: 22 of 22,reproduced: r = 0.7
b,two,inconsistent: 15 of 22,not testable: collapsed
c,three,inconsistent,not reproduced
"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A rendered report, as far as publishing looks at it."""
    tables, figures = tmp_path / "report" / "tables", tmp_path / "report" / "figures"
    for folder in (tables, figures):
        folder.mkdir(parents=True)
    for name in ("table1", "table2", "table3", "claims"):
        (tables / f"{name}.md").write_text(f"| {name} |\n")
    (tables / "ledger.csv").write_text(LEDGER)
    (figures / "fig1.png").write_bytes(b"png")
    (figures / "notes.txt").write_text("not a figure")
    return tmp_path / "report"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's root with a README whose blocks are stale."""
    root = tmp_path / "project"
    root.mkdir()
    names = ("profile", "table-1", "table-2", "table-3", "claims")
    blocks = "".join(f"<!-- begin: {name} -->\nstale\n<!-- end: {name} -->\n" for name in names)
    (root / "README.md").write_text(f"before\n{blocks}after\n")
    return root


def test_a_block_is_replaced_and_the_rest_of_the_text_stays() -> None:
    text = "a\n<!-- begin: x -->\nold\n<!-- end: x -->\n<!-- begin: y -->\nkept\n<!-- end: y -->\nb\n"
    expected = "a\n<!-- begin: x -->\nnew\n<!-- end: x -->\n<!-- begin: y -->\nkept\n<!-- end: y -->\nb\n"
    assert publishing.fill_blocks(text, {"x": "new\n"}) == expected


def test_a_lost_block_is_named() -> None:
    with pytest.raises(ReproduceError, match="no block 'x'"):
        publishing.fill_blocks("<!-- begin: x -->\nits end is gone\n", {"x": "new"})


def test_claims_are_counted_by_verdict(report: Path) -> None:
    block = publishing.claims_block(report / "tables")
    assert "Of 3 statements:" in block
    assert "- Within the paper's tables: 2 inconsistent, 1 consistent." in block
    assert "- In our results: 1 reproduced, 1 not testable, 1 not reproduced." in block
    assert block.endswith("| claims |\n")


def test_without_verdicts_in_our_results_only_the_papers_are_counted(report: Path) -> None:
    ledger = report / "tables" / "ledger.csv"
    ledger.write_text("\n".join(line.rpartition(",")[0] for line in LEDGER.splitlines()) + "\n")
    assert "In our results" not in publishing.claims_block(report / "tables")


def test_old_tables_and_figures_go_and_only_tables_and_figures_come(
    report: Path, project: Path, store: Store
) -> None:
    (project / "figures").mkdir()
    (project / "figures" / "fig9.png").write_bytes(b"of an earlier version")
    publishing.publish(store, report, project, project / "published")
    assert sorted(path.name for path in (project / "figures").iterdir()) == ["fig1.png"]
    assert sorted(path.name for path in (project / "tables").iterdir()) == [
        *("claims.md", "ledger.csv", "table1.md", "table2.md", "table3.md")
    ]
    text = (project / "README.md").read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "stale" not in text


def test_nothing_changes_when_the_report_is_not_rendered(project: Path, store: Store, tmp_path: Path) -> None:
    before = (project / "README.md").read_bytes()
    with pytest.raises(ReproduceError, match="make render"):
        publishing.publish(store, tmp_path / "nowhere", project, project / "published")
    assert (project / "README.md").read_bytes() == before


def test_runs_are_published_only_where_the_profile_allows_verdicts(
    report: Path, project: Path, store: Store
) -> None:
    assert not publishing.publish(store, report, project, project / "published")
    assert not (project / "published" / store.protocol.name / "vae").exists()


def test_published_runs_keep_all_but_the_weights_of_further_seeds(store: Store, tmp_path: Path) -> None:
    published = tmp_path / "published"
    copied = publishing.copy_runs(store, published)
    assert copied
    elsewhere = Store(tmp_path / "empty", store.protocol, published)
    for run in copied:
        folder = published / store.protocol.name / run.folder
        assert elsewhere.status(run, verify=True).state == FRESH
        assert (folder / WEIGHTS).is_file() == (
            run.is_reference or run.seed == publishing.WEIGHTS_SEED
        ) or not (store.path(run) / WEIGHTS).is_file()
    assert publishing.copy_runs(store, published) == [], "what lies there already is not copied again"


def test_a_changed_run_is_published_again(store: Store, tmp_path: Path) -> None:
    published = tmp_path / "published"
    run = publishing.copy_runs(store, published)[0]
    (published / store.protocol.name / run.folder / MANIFEST).write_text("{}")
    assert publishing.copy_runs(store, published) == [run]


def test_runs_of_a_stale_protocol_are_not_published(store: Store, tmp_path: Path) -> None:
    other = Store(store.folder.parent, shortened(store.protocol, learning_rate_scale=3.0))
    assert not [run for run in publishing.copy_runs(other, tmp_path / "published") if not run.is_reference]
