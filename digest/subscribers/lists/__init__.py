"""Lists of subscribers: export, and import from files that this or another program wrote.

- `address_list`: addresses without a heading: one a line, or many as a mail program has them, and rosters of Mailman
- `csv_table`: CSV as spreadsheets and other newsletter programs write it
- `csv_transfer`: list subscribers, export them as CSV and import them
- `formats`: files of listmonk, Mailchimp, Ghost and Mailman, known by their columns, and whom of them not to add
- `messages`: sentences about an import
"""

from digest.subscribers.lists.csv_table import parse_column_choices
from digest.subscribers.lists.csv_transfer import ImportReport, export_csv, get_subscriber, import_csv, list_subscribers

__all__ = [
    "ImportReport",
    "export_csv",
    "get_subscriber",
    "import_csv",
    "list_subscribers",
    "parse_column_choices",
]
