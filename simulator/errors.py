"""The one exception for a user's mistake."""


class UserError(Exception):
    """Something the user can put right: the message says what, where and what to do, in one line.

    The `dati` command prints the message and exits with status 2; no traceback is shown.
    """
