"""Verdicts stored beside a report, with a key of what they depend on, so that they can be shown without judging again.

Nothing here imports numpy or pandas: reading one verdict takes a fraction of a second.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reproduce.errors import ReproduceError
from reproduce.storage import files

if TYPE_CHECKING:
    from reproduce.verdicts.summary import Ten
    from reproduce.verdicts.verdict import Verdict

NAME, CHECKSUM = "verdicts.json", "checksum"
LARGEST = 50_000_000
PACKAGE = Path(__file__).resolve().parents[1]
SOURCES = (".py", ".csv")
MANIFEST = "manifest.json"
"""The file of a run that identifies everything a verdict may depend on: it has every record's checksum."""


def key(roots: Iterable[Path], profiles: Sequence[str]) -> str:
    """SHA-256 of the project's own code and data, and of every run of these profiles below the roots."""
    digest = hashlib.sha256()
    for path in sorted(path for path in PACKAGE.rglob("*") if path.suffix in SOURCES):
        digest.update(f"{path.relative_to(PACKAGE)}\0".encode() + path.read_bytes())
    for root in roots:
        for profile in profiles:
            for folder in sorted((root / profile).glob("*/seed-*")):
                entries = sorted(
                    (path.name, path.stat().st_size) for path in folder.iterdir() if path.is_file()
                )
                stable = [entry for entry in entries if not entry[0].startswith("checkpoint-")]
                digest.update(f"{profile}/{folder.parent.name}/{folder.name} {stable}\0".encode())
                if (folder / MANIFEST).is_file():
                    digest.update((folder / MANIFEST).read_bytes())
    return digest.hexdigest()


def document(
    verdicts: Sequence[Verdict], ten: Sequence[Ten], profile: str, key: str, tally: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that `claims`, the report's readers and the explorer need, in JSON's types."""
    from reproduce.verdicts.verdict import command

    statements = [
        verdict.fields() | {"command": command(verdict.statement.id, profile)} for verdict in verdicts
    ]
    claims = [
        {
            "number": claim.number,
            "claim": claim.claim,
            "place": ", ".join(claim.any.statement.places[0][1:]),
            "id": claim.any.statement.id,
            "consistent": claim.any.within_paper,
            "recomputed": claim.any.recomputed,
            "verdicts": {
                name: {
                    "verdict": verdict.verdict,
                    "grade": verdict.grade,
                    "looks": verdict.looks_in_words,
                    "firm": verdict.firm,
                    "evidence": "; ".join(filter(None, (verdict.reason, verdict.evidence))),
                }
                for name, verdict in claim.verdicts.items()
            },
        }
        for claim in ten
    ]
    return {"key": key, "profile": profile, "ten": claims, "tally": dict(tally), "statements": statements}


def write(folder: Path, content: Mapping[str, Any]) -> None:
    """Store a document in a report's folder."""
    whole = {**content, CHECKSUM: _checksum(content)}
    files.write(folder / NAME, json.dumps(whole, indent=1, ensure_ascii=False).encode())


def read(folder: Path, expected: str) -> dict[str, Any] | None:
    """The document of a folder, if it is intact and has the expected key; else None."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        content = json.loads(files.read(path, largest=LARGEST))
        whole = isinstance(content, dict) and content.pop(CHECKSUM, None) == _checksum(content)
    except (ValueError, RecursionError, OSError, ReproduceError):
        return None
    return content if whole and content.get("key") == expected else None


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
