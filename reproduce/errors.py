"""The one exception a user is meant to read, and any other as a line of text."""

LONGEST = 800
"""Characters of a message at most: what it quotes may be of any length."""


def one_line(text: str) -> str:
    """The text without line breaks and control characters, its middle left out where it is too long."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    half = LONGEST // 2 - 2
    return line if len(line) <= LONGEST else f"{line[:half]} … {line[-half:]}"


def described(error: BaseException) -> str:
    """ "ZeroDivisionError: division by zero"."""
    return f"{type(error).__name__}: {error}"


class ReproduceError(Exception):
    """Bad input or a broken file. The message is one line: what is wrong, and the remedy.

    The command line prints it without a traceback and exits with `exit_code`.
    """

    exit_code = 2

    def __str__(self) -> str:
        return one_line(super().__str__())
