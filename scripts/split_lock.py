"""Cut torch and its CUDA libraries out of a hash lock, for machines that bring another torch.

`requirements.lock` pins PyPI's Linux build of torch, which needs about 5 GB of NVIDIA libraries.
What is left after the cut installs with `pip install --no-deps --require-hashes -r requirements-base.lock`
beside any torch, for instance one built for the CPU alone (`make venv-cpu`).

    python scripts/split_lock.py requirements.lock requirements-base.lock
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==")
_ACCELERATED = re.compile(r"^(torch|torchvision|triton|nvidia-.+|cuda-.+)$")


def blocks(lock: str) -> list[tuple[str, str]]:
    """The pins of a lock file, in its order: (name, the pin's lines with their hashes).

    Joined again, the blocks give back every byte of the lock. Raises ValueError at a line that belongs to
    no pin.
    """
    found: list[tuple[str, str]] = []
    for number, line in enumerate(lock.splitlines(keepends=True), start=1):
        pin = _PIN.match(line)
        if pin:
            found.append((pin["name"].lower(), line))
        elif line.startswith((" ", "\t")) and found:
            name, text = found[-1]
            found[-1] = (name, text + line)
        else:
            raise ValueError(
                f"line {number} of the lock is neither a pin nor its hash: {line.rstrip()!r}; run `make lock`"
            )
    return found


def is_accelerated(name: str) -> bool:
    """Whether a package is torch, is built against one torch, or is one of CUDA's libraries."""
    return _ACCELERATED.match(name) is not None


def without_torch(lock: str) -> str:
    """The lock without the accelerated packages; the other pins keep their bytes and order."""
    return "".join(text for name, text in blocks(lock) if not is_accelerated(name))


def main(arguments: list[str]) -> int:
    """Read the first file, write the second. Exit code 2 with one line if the lock cannot be read."""
    if len(arguments) != 2:
        print("usage: python scripts/split_lock.py LOCK BASE_LOCK", file=sys.stderr)
        return 2
    source, target = map(Path, arguments)
    try:
        target.write_text(without_torch(source.read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"error: {source}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
