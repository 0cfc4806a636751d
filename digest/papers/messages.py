"""Sentences about sources and feeds that have a problem, and about papers that an operator links or keeps apart."""

TEXT_NOT_READABLE = "title or abstract is not text"


def not_answering(title: str, since: str) -> str:
    return f"{title} has not answered since {since}; its papers will be fetched later."


def asking_to_wait(title: str, since: str) -> str:
    return f"{title} has asked us to wait since {since}; its papers will be fetched later."


def invalid_responses(title: str, since: str) -> str:
    return f"{title} has sent answers that could not be read since {since}; its papers will be fetched later."


def not_readable(title: str, since: str) -> str:
    return f"{title} could not be read since {since}; its papers will be fetched later."


def quiet_since(title: str, since: str) -> str:
    return f"{title} has announced nothing since {since}; anything late will be in a later digest."


def several_sources(titles: str) -> str:
    return f"Papers from {titles} are incomplete today; what is missing will be in a later digest."


def several_feeds(titles: str) -> str:
    return f"The feeds of {titles} turned over before they were read; papers may be missing."


def day_missing(title: str, day: str) -> str:
    return f"{title} was not read for {day}; its papers will be fetched later."


def day_failed(title: str, day: str) -> str:
    return f"{title} could not be read for {day}; its papers will be fetched later."


def day_partial(title: str, day: str, received: int, promised: int) -> str:
    return f"{title} gave {received:,} of {promised:,} papers for {day}; the rest will be fetched later."


def day_stale(title: str, day: str) -> str:
    return f"{title} repeated an earlier list on {day}; the right one will be fetched later."


def day_caught_up(title: str, day: str) -> str:
    return f"{title} did not answer at first on {day}; its papers have been fetched since."


def day_empty(title: str, day: str) -> str:
    return f"{title} announced nothing on {day}; anything late will be in a later digest."


def closed_partial(title: str, day: str, received: int, promised: int) -> str:
    return f"{title} gave {received:,} of {promised:,} papers for {day}; it is no longer asked for the rest."


def closed_stale(title: str, day: str) -> str:
    return f"{title} repeated an earlier list on {day}; it is no longer asked for the right one."


def closed_failed(title: str, day: str) -> str:
    return f"{title} could not be read for {day}; it is no longer asked for that day."


def feed_turned_over(title: str, first: str, last: str) -> str:
    return f"{title}'s feed turned over between {first} and {last}; papers may be missing."


def feed_nearly_turned_over(title: str, last: str, known: int, size: int) -> str:
    return (
        f"{title}'s feed nearly turned over before {last}: {known} of its {size} entries were known; papers may be "
        "missing."
    )


def feed_moved(title: str, url: str) -> str:
    return f"{title}'s feed has moved to {url}; give that address in DIGEST_FEEDS."


def feed_gone(title: str, day: str) -> str:
    return f"{title}'s feed is gone since {day}; give its new address in DIGEST_FEEDS, or take it out."


def no_feed(title: str, day: str) -> str:
    return f"{title}'s address has been no feed since {day}; give its new address in DIGEST_FEEDS, or take it out."


def feed_failing(title: str, day: str) -> str:
    return f"{title}'s feed has not been read since {day}; its papers will be read when it answers again."


def feed_read_too_rarely(title: str, hours: int) -> str:
    if hours == 1:
        return (
            f"{title}'s feed should be read every hour and is read more rarely; run digest more often, or digest serve."
        )
    return (
        f"{title}'s feed should be read every {hours} hours and is read more rarely; run digest more often, or digest "
        "serve."
    )


def unknown_paper(paper_id: int) -> str:
    return f"there is no paper {paper_id}"


def unknown_link(link_id: int) -> str:
    return f"there is no link {link_id}; digest papers links shows them"


def unknown_separation(number: int) -> str:
    return f"no papers are kept apart by {number}"


def one_paper_already(one_id: int, other_id: int) -> str:
    return f"{one_id} and {other_id} are one paper already"


def linked_already(one_id: int, other_id: int) -> str:
    return f"{one_id} and {other_id} are linked so already"


def paired_already(one_id: int, other_id: int) -> str:
    return f"{one_id} and {other_id} are linked or kept apart already"
