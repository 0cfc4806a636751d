"""Commands of `digest`: they parse arguments, call the packages below, and print the result.

- `action_commands`: what operators did, and undo
- `app`: the application with all its commands
- `bounces`: handle, fetch and list bounces
- `database_commands`: resume sending after the database was restored
- `delivery_commands`: list, show, resolve and retry deliveries
- `demo`: one whole day on this machine
- `demo_journals`: sample answers of PubMed and of a journal's feed
- `demo_papers`: the papers of the sample days
- `demo_preprints`: sample answers of Hugging Face and of arXiv
- `demo_store`: the store of the demonstration, and when it is served
- `demo_server`: bundled sample days in the shapes of the real hosts
- `doctor`: check settings, database, relay, sources and DNS
- `feed_commands`: read a feed once, and show what it holds
- `keyword_commands`: `digest keywords`
- `keyword_advice`: what `digest match` says beside the papers
- `match_input`: papers for `digest match`, from the database or a file
- `messages`: sentences that commands print
- `migrate`: upgrade the database, or copy it to another one
- `output`: tables, JSON, notes, errors and progress
- `preview`: what keywords match, and the e-mail that they would get
- `process`: event loop, signals and garbage collector of a command
- `prune`: delete what is old
- `paper_commands`: link papers that are one, and undo links
- `quarantine_commands`: list and release rows that cannot be read
- `run`: collect, plan and deliver once; collect alone
- `runs`: the progress of a day's run
- `serve`: the web server with the scheduler, and workers
- `setup`: ask for the settings, test the relay, write .env
- `source_commands`: how the sources do
- `subscriber_commands`: list, add, show, remove, allow, import and export subscribers
- `template_commands`: copy and check the operator's own templates
- `token_commands`: create, list and revoke tokens of the operator's API

Commands import what they need when they run, so that `--help` and the other commands start quickly.
"""

from digest.cli import messages
from digest.cli.app import app
from digest.cli.output import EXIT_FAILURE, exit_code, print_error

__all__ = ["EXIT_FAILURE", "app", "exit_code", "messages", "print_error"]
