"""Sentences about feeds, whole, for the operator."""

UNKNOWN_DIALECT = "a feed of an unknown dialect"


def file_not_readable(path: str, reason: str) -> str:
    return f"the file {path} cannot be read: {reason}"


def file_too_large(path: str, limit: int) -> str:
    return f"the file {path} is larger than {limit} MiB"


def file_not_utf8(path: str) -> str:
    return f"the file {path} is neither OPML nor text in UTF-8"


def invalid_line(number: int, line: str) -> str:
    return f"line {number} is not `name = address`: {line!r}"


def invalid_name(number: int, name: str) -> str:
    return f"line {number}: {name!r} is not a name; use 2 to 31 characters of a-z, 0-9 and -, and begin with a-z"


def reserved_name(number: int, name: str) -> str:
    return f"line {number}: {name!r} is the name of a source, so a feed needs another one"


def repeated_name(number: int, name: str) -> str:
    return f"line {number}: the name {name!r} already belongs to another feed"


def invalid_address(number: int, address: str) -> str:
    return f"line {number}: {address!r} is not an http or https address without user name"


def too_many_feeds(limit: int) -> str:
    return f"there are more than {limit:,} feeds"


def no_feeds(location: str) -> str:
    return f"{location} names no feed: no outline has an xmlUrl"


def invalid_entries(count: int, name: str) -> str:
    return (
        f"1 entry of the feed {name} could not be read"
        if count == 1
        else f"{count:,} entries of the feed {name} could not be read"
    )


def entries_left_out(count: int, name: str) -> str:
    return f"the feed {name} has more entries than one fetch takes; {count:,} were left out"


def feed_not_valid(name: str) -> str:
    return f"the feed {name} is not well-formed; it was repaired"


def found_elsewhere(name: str, location: str) -> str:
    return f"the feed {name} was found at {location}, to which its address redirects"


def no_feeds_set() -> str:
    return (
        "DIGEST_SOURCES names feeds, and DIGEST_FEEDS names none: add a line such as `jacs = https://example.org/rss`"
    )


def not_a_feed_text(location: str, beginning: str) -> str:
    return f"{location} is not a feed: it begins {beginning!r}"


def web_page(location: str, feed: str) -> str:
    return (
        f"{location} is a web page, not a feed; it links to the feed {feed}"
        if feed
        else f"{location} is a web page, not a feed"
    )


def feed_gone(location: str, status: int) -> str:
    return f"{location} answers {status}: the feed is gone"


def feed_not_sent(location: str) -> str:
    return f"{location} did not send its feed"


def previous_elsewhere(location: str) -> str:
    return f"{location} names an earlier document on another host"


def empty(location: str) -> str:
    return f"{location} is empty"


def gzip_invalid(location: str) -> str:
    return f"{location} is a gzip file that cannot be unpacked"


def gzip_incomplete(location: str) -> str:
    return f"{location} is a gzip file that was cut off or is too large"


def json_invalid(location: str, error: object) -> str:
    return f"{location} begins like JSON but cannot be parsed: {error}"


def not_a_json_feed(location: str) -> str:
    return f"{location} is JSON, but not a JSON Feed: its version or its items are missing"
