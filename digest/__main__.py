"""Entry point of `digest` and `python -m digest`."""

import sys

from digest.cli import EXIT_FAILURE, app, exit_code, messages, print_error
from digest.errors import DigestError, QueryError


def main() -> None:
    """Run the command; a foreseen error is one line and an exit status, not a traceback."""
    if not sys.stdout.isatty():
        app.rich_markup_mode = None  # no boxes in a pipe
    try:
        app(prog_name="digest")
    except DigestError as error:
        print_error(messages.at_character(error.position, error) if isinstance(error, QueryError) else error)
        sys.exit(exit_code(error))
    except OSError as error:  # a full disk, a file that may not be read
        reason = error.strerror or error
        print_error(f"{error.filename}: {reason}" if error.filename else reason)
        sys.exit(EXIT_FAILURE)
    except Exception as error:
        from sqlalchemy.exc import DBAPIError  # imported after a failure only: it takes a fifth of a second

        if not isinstance(error, DBAPIError):
            raise
        reason = str(error.orig).strip()
        print_error(messages.database_failed(reason))
        sys.exit(EXIT_FAILURE)


if __name__ == "__main__":
    main()
