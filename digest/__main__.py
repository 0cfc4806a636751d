"""`digest` and `python -m digest`."""

import sys
from typing import TYPE_CHECKING

from digest.cli import EXIT_FAILURE, app, exit_code, print_error
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
        print_error(error)
        sys.exit(exit_code(error))
    except _database_error() as error:
        print_error(
            f"the database failed: {str(error.orig).strip()}; what was committed is safe, run the command again"
        )
        sys.exit(EXIT_FAILURE)


def _database_error() -> "type[DBAPIError]":
    # Looked at only when something was raised: it takes a fifth of a second to import.
    from sqlalchemy.exc import DBAPIError

    return DBAPIError


if __name__ == "__main__":
    main()
