"""Commands of `digest`: they parse arguments, call the packages below, and print the result.

- `app`: the application with all its commands
- `database`: upgrade, copy and clean the database, rows that cannot be read, and resume sending
- `demo`: one whole day on this machine
- `mail`: deliveries and bounces
- `messages`: sentences that commands print
- `operators`: doctor, templates, tokens of the API, and what operators did
- `output`: tables, JSON, notes, errors and progress
- `papers`: papers, sources and feeds
- `preview`: what keywords match, and the e-mail that they would get
- `process`: event loop, signals and garbage collector of a command
- `service`: serve, work and run, and the progress of runs
- `setup`: ask for the settings, test the relay, write .env
- `subscribers`: subscribers, and keywords from other services

Commands import what they need when they run, so that `--help` and the other commands start quickly.
"""

from digest.cli import messages
from digest.cli.app import app
from digest.cli.output import EXIT_FAILURE, exit_code, print_error

__all__ = ["EXIT_FAILURE", "app", "exit_code", "messages", "print_error"]
