"""Rewrite revisions.json for architectures whose revision was raised: `python -m tests.architectures.record_revisions`.

Numbers that moved under an unchanged revision stay on file as they were, so that the test stays red.
"""

from __future__ import annotations

import json

import torch

from reproduce.names import SLUGS
from tests.architectures.fingerprints import PATH, fingerprint, recorded, same_numbers, updated


def main() -> None:
    """Write the file and say what became of each architecture that differs."""
    torch.set_num_threads(1)
    old = recorded()
    new = {slug: fingerprint(slug) for slug in SLUGS}
    kept = updated(old, new)
    PATH.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for slug in SLUGS:
        if slug not in old:
            print(f"{slug}: recorded")
        elif kept[slug] != old[slug]:
            print(f"{slug}: recorded anew, its revision was raised")
        elif not same_numbers(old[slug], new[slug]):
            print(
                f"{slug}: its numbers moved; raise its revision (or the backbone's, or the training's) first"
            )


if __name__ == "__main__":
    main()
