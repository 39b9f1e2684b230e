"""Where the tree is, and which make targets it has."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def make_targets() -> set[str]:
    """Every target with a rule of its own in the Makefile and its fragments."""
    targets: set[str] = set()
    # neither `NAME := value` nor a setting for one target (`goal: NAME = value`) is a rule
    rule = re.compile(r"^([a-z][a-z0-9 _-]*):(?!=)(?![ \t]*\w+[ \t]*[:?+]?=)", re.MULTILINE)
    for file in [ROOT / "Makefile", *sorted((ROOT / "mk").glob("*.mk"))]:
        for heads in rule.findall(file.read_text(encoding="utf-8")):
            targets.update(heads.split())
    return targets
