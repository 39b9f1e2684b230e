"""`python -m reproduce`."""

from __future__ import annotations

import sys


def main() -> None:
    """The command line; one line of error if the environment lacks a package that every command needs."""
    try:
        from reproduce import cli
    except ModuleNotFoundError as error:
        if (error.name or "reproduce").partition(".")[0] == "reproduce":
            raise
        print(f"error: the package {error.name} is not in this environment: give make venv", file=sys.stderr)
        raise SystemExit(2) from None
    cli.main()


if __name__ == "__main__":
    main()
