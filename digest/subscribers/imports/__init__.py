"""Lists of subscribers as other programs write them: which program it was, and who of them must not be added here.

- `address_list`: addresses without a heading, one or more a line, and rosters of Mailman
- `formats`: files of listmonk, Mailchimp, Ghost and Mailman, known by their columns
- `messages`: sentences about an import
"""

from digest.subscribers.imports.address_list import is_address_list, read_addresses
from digest.subscribers.imports.formats import (
    LEFT_COLUMNS,
    OTHER_PROGRAM,
    OWN_FORMAT,
    ROW_COLUMNS,
    ListFormat,
    SkipReason,
    find_format,
    find_skip_reason,
    split_tags,
)

__all__ = [
    "LEFT_COLUMNS",
    "OTHER_PROGRAM",
    "OWN_FORMAT",
    "ROW_COLUMNS",
    "ListFormat",
    "SkipReason",
    "find_format",
    "find_skip_reason",
    "is_address_list",
    "read_addresses",
    "split_tags",
]
