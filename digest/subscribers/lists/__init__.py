"""Lists of subscribers: export, and import from files that this or another program wrote.

- `address_list`: addresses without a heading: one a line, or many as a mail program has them, and rosters of Mailman
- `csv_cells`: cells of our CSV: several keywords in one, and no formula
- `csv_export`: list subscribers, and export them as CSV
- `csv_import`: add the subscribers of a file, line by line
- `csv_table`: CSV as spreadsheets and other newsletter programs write it
- `formats`: files of listmonk, Mailchimp, Ghost and Mailman, known by their columns, and whom of them not to add
- `messages`: sentences about an import
"""

from digest.subscribers.lists.csv_export import export_csv, get_subscriber, list_subscribers
from digest.subscribers.lists.csv_import import ImportReport, import_csv
from digest.subscribers.lists.csv_table import parse_column_choices

__all__ = [
    "ImportReport",
    "export_csv",
    "get_subscriber",
    "import_csv",
    "list_subscribers",
    "parse_column_choices",
]
