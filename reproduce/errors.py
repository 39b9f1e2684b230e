"""The exception for errors that a user can fix, and any exception as one line of text."""

LONGEST = 800
"""Length limit of a message in characters: it may quote texts of any length."""


def one_line(text: str) -> str:
    """The text without line breaks and control characters; if it is too long, its middle is left out."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    half = LONGEST // 2 - 2
    return line if len(line) <= LONGEST else f"{line[:half]} … {line[-half:]}"


def described(error: BaseException) -> str:
    """The exception in words, such as "ZeroDivisionError: division by zero"."""
    return f"{type(error).__name__}: {error}"


class ReproduceError(Exception):
    """Bad input or a broken file. The message is one line: what is wrong, and the remedy.

    The command line prints it without a traceback and exits with `exit_code`.
    """

    exit_code = 2

    def __str__(self) -> str:
        return one_line(super().__str__())
