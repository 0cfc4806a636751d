"""Entry point of `digest` and `python -m digest`."""

import sys

from digest.cli import EXIT_FAILURE, app, exit_code, print_error
from digest.errors import DigestError


def main() -> None:
    """Run the command; a foreseen error is one line and an exit status, not a traceback."""
    if not sys.stdout.isatty():
        app.rich_markup_mode = None  # no boxes in a pipe
    try:
        app(prog_name="digest")
    except DigestError as error:
        print_error(error)
        sys.exit(exit_code(error))
    except OSError as error:  # a full disk, a file that may not be read
        where = f"{error.filename}: " if error.filename else ""
        print_error(f"{where}{error.strerror or error}")
        sys.exit(EXIT_FAILURE)
    except Exception as error:
        from sqlalchemy.exc import DBAPIError  # imported after a failure only: it takes a fifth of a second

        if not isinstance(error, DBAPIError):
            raise
        reason = str(error.orig).strip()
        print_error(f"the database failed: {reason}; what was committed is safe, run the command again")
        sys.exit(EXIT_FAILURE)


if __name__ == "__main__":
    main()
