"""One page of a made-up campaign with made-up verdicts."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

import pytest

from reproduce.architectures.names import LABELS
from reproduce.explorer import build
from reproduce.paper import PAPER_SLUGS
from reproduce.storage.records import Records
from tests.synthetic import make_records

WORDS = (
    "reproduced", "direction only", "not reproduced", "defined differently", "undecided", "not judged",
)  # fmt: skip
HOSTILE = "</script><b id='broken'>"
"""In a statement's evidence: it must be shown as it is."""


def made_up_verdicts(profiles: tuple[str, ...] = ("desk",)) -> dict[str, Any]:
    """60 verdicts in the shape of `verdicts.json`."""
    kinds = islice(cycle(zip(PAPER_SLUGS, cycle(WORDS), cycle("ABCD"), strict=False)), 60)
    statements = [
        {
            "id": f"IV-A.statement-{at}",
            "section": ("III-D", "IV-A", "IV-B", "V-A", "VI-D")[at % 5],
            "places": ["Abstract, abstract", "IV-A, text", "Abstract, text"],
            "printed": [f"0.{900 - at}"],
            "wording": f"{LABELS[slug]} reaches the SSIM that the text gives for it, statement {at}",
            "about": "text" if at % 7 == 6 else "results",
            "models": [slug],
            "within_paper": ("consistent", "inconsistent", "not checkable")[at % 3],
            "recomputed": "0.908 from Table I",
            "verdict": "" if at % 7 == 6 else word,
            "reason": "the interval of ours holds the paper's value",
            "grade": grade,
            "looks": "2 of 3",
            "firm": at % 2 == 0 and at % 7 != 6,
            "evidence": HOSTILE if at == 3 else "0.871 in notebook, 0.902 in paper",
            "important": at % 4 == 0,
            "command": f"python -m reproduce claims --id IV-A.statement-{at}",
        }
        for at, (slug, word, grade) in enumerate(kinds)
    ]
    ten = [
        {
            "number": at + 1,
            "claim": f"The claim number {at + 1}: quality and smoothness are traded for each other",
            "place": "Abstract, abstract",
            "id": f"IV-A.statement-{at}",
            "consistent": statements[at]["within_paper"],
            "verdicts": {
                name: {
                    "verdict": WORDS[at % 6] if at < 9 else "",
                    "grade": "B",
                    "looks": "2 of 3",
                    "firm": at % 2 == 0,
                    "evidence": "r = 0.83 printed, 0.71 in ours (0.42 to 0.87)",
                }
                for name in profiles
            },
        }
        for at in range(10)
    ]
    return {"profile": profiles[0], "ten": ten, "statements": statements}


@pytest.fixture(scope="session")
def records() -> Records:
    """22 models but one that is missing, one that failed and one that collapsed; three seeds."""
    return make_records("desk", missing=["hvae"], failed=["svae"], collapsed=["beta-vae"])


@pytest.fixture(scope="session")
def page(records: Records) -> bytes:
    profiles = {"desk": records, "notebook": make_records("notebook", (42,), architectures=PAPER_SLUGS[:6])}
    return build(profiles, made_up_verdicts(("desk", "notebook")))
