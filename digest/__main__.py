"""`digest` and `python -m digest`."""

import sys

from sqlalchemy.exc import DBAPIError

from digest.cli import app
from digest.cli.shown import FAILED, complain, exit_status
from digest.errors import DigestError


def main() -> None:
    """Run the command; an error we foresaw is one line and a status, not a traceback."""
    try:
        app()
    except DigestError as error:
        complain(error)
        sys.exit(exit_status(error))
    except DBAPIError as error:
        complain(f"the database failed: {str(error.orig).strip()}; what was committed is safe, run the command again")
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
