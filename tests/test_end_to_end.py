"""The whole way on real digits: the smoke profile is trained, evaluated, rendered and compared with golden.

Without the six expensive models, half of a campaign's time: the slow tests and the campaign of CI have them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reproduce import golden
from reproduce.architectures.names import SLUGS
from reproduce.architectures.registry import REGISTRY
from reproduce.protocol import profile

ROOT = Path(__file__).parent.parent
EXPENSIVE = [slug for slug in SLUGS if (REGISTRY[slug].cost or 1) >= 3]
ONE_SEED = ("--seed", "42", "--only", ",".join(slug for slug in SLUGS if slug not in EXPENSIVE))


def command(*words: str, results: Path) -> subprocess.CompletedProcess[str]:
    """`python -m reproduce …` in a process of its own, in the project's folder."""
    full = [sys.executable, "-m", "reproduce", words[0], "--profile", "smoke", "--results", str(results)]
    return subprocess.run([*full, *words[1:]], capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results root of a smoke campaign, one of the two seeds."""
    results = tmp_path_factory.mktemp("smoke")
    done = command("run", "--jobs", "2", *ONE_SEED, results=results)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "profile smoke" in done.stdout.splitlines()[0]
    return results


@pytest.mark.timeout(900)
def test_smoke_campaign_agrees_with_golden(smoke: Path) -> None:
    checked = command("check", "--seed", "42", results=smoke)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 off" in checked.stdout
    assert (
        f"the results lack them: {', '.join(f'{slug}/seed-42' for slug in sorted(EXPENSIVE))}"
        in checked.stdout
    )


def test_report_renders_and_compiles_twice_to_the_same_bytes(smoke: Path) -> None:
    rendered = command("render", results=smoke)
    assert (rendered.returncode, rendered.stderr) == (0, "")
    report = smoke / "smoke" / "report"
    assert {f"fig{n}.pdf" for n in range(1, 7)} <= {path.name for path in (report / "figures").iterdir()}
    assert {f"table{n}.tex" for n in range(1, 4)} <= {path.name for path in (report / "tables").iterdir()}
    if shutil.which("latexmk") is None:
        pytest.skip("LaTeX is not installed: `make tex`")
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1700000000", "FORCE_SOURCE_DATE": "1"}
    pdfs = []
    for folder in ("first", "second"):
        words = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", f"-outdir={folder}"]
        subprocess.run([*words, "report.tex"], cwd=report, env=environment, check=True, capture_output=True)
        pdfs.append((report / folder / "report.pdf").read_bytes())
    assert pdfs[0] == pdfs[1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_both_seeds_agree_with_golden(smoke: Path) -> None:
    done = command("run", "--jobs", "2", results=smoke)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = command("check", results=smoke)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_golden_holds_every_architecture_and_seed_once() -> None:
    found = golden.read("smoke")
    expected = {(slug, seed) for slug in SLUGS for seed in profile("smoke").seeds}
    keys = list(found.runs[["architecture", "seed"]].itertuples(index=False, name=None))
    assert sorted(keys) == sorted(expected)
