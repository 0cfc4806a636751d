"""`digest setup`: ask for the settings that every service needs, test the relay by a real e-mail, and write `.env`.

- `command`: the command with its options
- `env_file`: read `.env`, and write it
- `messages`: questions and what is told
- `questions`: questions with defaults and checks
- `relay_test`: a real e-mail to the operator
"""

from digest.cli.setup import messages
from digest.cli.setup.command import SETUP_EPILOG, setup

__all__ = ["SETUP_EPILOG", "messages", "setup"]
