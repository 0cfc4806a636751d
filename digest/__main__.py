"""`digest` and `python -m digest`."""

import sys
from typing import TYPE_CHECKING

from digest.cli import app
from digest.cli.shown import FAILED, complain, exit_status
from digest.errors import DigestError

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError


def main() -> None:
    """Run the command; an error we foresaw is one line and a status, not a traceback."""
    if not sys.stdout.isatty():
        app.rich_markup_mode = None  # no boxes in a pipe
    try:
        app(prog_name="digest")
    except SystemExit:
        raise  # how commands end; looked at first, or each would wait for the import below
    except DigestError as error:
        complain(error)
        sys.exit(exit_status(error))
    except _refusal() as error:
        complain(f"the database failed: {str(error.orig).strip()}; what was committed is safe, run the command again")
        sys.exit(FAILED)


def _refusal() -> "type[DBAPIError]":
    # Looked at only when something was raised: it takes a fifth of a second to import.
    from sqlalchemy.exc import DBAPIError

    return DBAPIError


if __name__ == "__main__":
    main()
