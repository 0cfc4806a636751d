"""cli."""

from digest.cli.app import app
from digest.cli.output import EXIT_FAILURE, exit_code, print_error

__all__ = ["EXIT_FAILURE", "app", "exit_code", "print_error"]
