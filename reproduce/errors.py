"""The one exception a user is meant to read."""


class ReproduceError(Exception):
    """Bad input or a broken file. The message is one line: what is wrong, and the remedy.

    The command line prints it without a traceback and exits with `exit_code`.
    """

    exit_code = 2
