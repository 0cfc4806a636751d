"""Sentences about sources, settings and answers that cannot be used. Those of settings follow the name of one."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

NOT_INSTALLED = "is not installed"
NO_ISSN = "must be ISSNs like 0028-0836"
NO_PREFIX = "must be prefixes of DOIs like 10.26434"
CUT_OFF = "the answer was cut off"
NO_CATEGORY = "DIGEST_ARXIV_CATEGORIES names no category"
PART_WITHOUT_NUMBERS = "a part of it has no numbers"
PAPER_WITHOUT_TEXT = "a paper in it has no title, or texts that are not strings"
CROSSREF_CONTACT = "Crossref answers faster when it knows whom to write to: set DIGEST_CONTACT to your e-mail address."


def load_failed(package: str, error: str, reason: str) -> str:
    return f"cannot be loaded from {package} ({error}: {reason}); update or remove that package"


def api_mismatch(package: str, api: object, needed: int) -> str:
    return f"of {package} was made for another release (its api is {api}, and {needed} is needed); update that package"


def invalid_source_name(package: str, name: str) -> str:
    return f"of {package} must have the name {name!r}, of lower-case letters, digits and hyphens"


def missing_members(package: str, members: Sequence[str]) -> str:
    return f"of {package} lacks {', '.join(members)}; update that package"


def duplicate_name(package: str, used: str) -> str:
    return f"of {package} is not used, because {used} has the same name; remove one of them"


def not_read(variable: str, name: str) -> str:
    return f"is not read, although {variable} is set: add {name} to DIGEST_SOURCES"


def not_created(error: str, reason: str) -> str:
    return f"cannot be used ({error}: {reason}); please report this to its authors"


def unknown_category(name: str) -> str:
    return f"must name arXiv categories, and {name!r} is not one"


def unknown_server(known: Iterable[str]) -> str:
    return f"must name one or more of {', '.join(known)}"


def publications_failed(title: str, day: date, error: str) -> str:
    return f"what journals published of {title} on {day} was not read: {error}"


def list_incomplete(title: str, day: date, received: int, promised: int) -> str:
    return f"{title} gave {received:,} of {promised:,} papers for {day}"


def list_cut(title: str, day: date, pages: int) -> str:
    return f"{title}'s list for {day} has more than {pages} pages; the rest was left out"


def page_failed(title: str, day: date, number: int, error: str) -> str:
    return f"page {number} of {title}'s list for {day}: {error}"


def invalid_entries(title: str, day: date, count: int, received: int) -> str:
    if count == 1:
        return f"1 of {received:,} entries of {title} for {day} could not be read"
    return f"{count:,} of {received:,} entries of {title} for {day} could not be read"


def unknown_terms(title: str, variable: str, terms: Sequence[str]) -> str:
    return f"{title} does not know {', '.join(map(repr, terms))} in {variable}"


def retractions_failed(title: str, day: date, error: str) -> str:
    return f"the papers that {title} marked as retracted on {day}: {error}"


def lacks_contact(title: str) -> str:
    return f"{title} asks for an address to write to; set DIGEST_CONTACT"


def lacks_key(title: str, variable: str) -> str:
    return f"all of {title} is read at 3 requests a second; with a free key in {variable} it is 10"


def overlaps(title: str, other: str) -> str:
    return f"{title} lists what {other} lists, too; leave one of them out of DIGEST_SOURCES"


def nothing_readable(title: str, day: date, count: int) -> str:
    if count == 1:
        return f"the only entry of {title} for {day} cannot be read"
    return f"none of the {count:,} entries of {title} for {day} can be read"


def nothing_announced(day: date) -> str:
    return f"arXiv's query API knows no paper announced on {day}: a holiday, or a fault"


def feed_empty(day: date) -> str:
    return f"arXiv's feed of {day} is empty on a weekday: a holiday there, or a fault"


def feed_repaired(day: date) -> str:
    return f"arXiv's feed of {day} is damaged; it was repaired"


def feed_full(categories: Sequence[str]) -> str:
    return f"arXiv's feed for {' '.join(categories)} is full; some papers may be missing"


def no_answer(fault: str) -> str:
    return f"its answer cannot be stored ({fault}: please report this)"


def invalid_response(error: str) -> str:
    return f"its answer could not be read ({error}: please report this)"


def not_finished(seconds: float) -> str:
    return f"it did not finish within {seconds / 60:.0f} minutes"


def unexpected_status(location: str, status: int, beginning: str) -> str:
    return (
        f"{location} answers {status}, it begins {beginning!r}"
        if beginning
        else f"{location} answers {status}, it is empty"
    )


def unexpected_text(location: str, text: str, beginning: str) -> str:
    return f"{location} answers {text[:60]!r}, it begins {beginning!r}"


def no_json(location: str, beginning: str) -> str:
    return (
        f"{location} did not answer JSON, it begins {beginning!r}"
        if beginning
        else f"{location} did not answer JSON, it is empty"
    )


def no_list(location: str, beginning: str) -> str:
    return f"{location} did not answer a list, it begins {beginning!r}"


def no_works(location: str, beginning: str) -> str:
    return f"{location} answers no works, it begins {beginning!r}"


def without_works(title: str) -> str:
    return f"{title} answers without works"


def unknown_journal(title: str, feed: str) -> str:
    return f"{title} cannot tell the journal of the feed {feed}"


def status_with_reason(location: str, status: int, reason: str) -> str:
    return f"{location} answers {status}: {reason}"


def status_only(location: str, status: int) -> str:
    return f"{location} answers {status}"


def fewer_requests(location: str, status: int) -> str:
    return f"{location} asks for fewer requests ({status})"


def host_wants_pause(reason: str, until: datetime) -> str:
    return f"{reason}; nothing is asked before {until:%H:%M} UTC"


def host_paused(host: str, until: datetime) -> str:
    return f"{host} asked for a pause; nothing is asked before {until:%H:%M} UTC"


def next_page_elsewhere(location: str) -> str:
    return f"{location} names a next page on another host"


def redirect_not_followed(location: str, host: str) -> str:
    return f"{location} redirects to {host}, which is not followed"


def redirect_unknown(location: str, host: str) -> str:
    return f"{location} redirects to {host}, which cannot be found"


def redirect_private(location: str, host: str) -> str:
    return f"{location} redirects to {host}, which is no public host and is not followed"


def too_many_redirects(location: str, limit: int) -> str:
    return f"{location} redirects more than {limit} times"


def response_timeout(location: str) -> str:
    return f"{location} did not answer in time"


def no_connection_in_time(location: str) -> str:
    return f"{location} cannot be reached: no connection in time"


def unreachable(location: str, reason: str) -> str:
    return f"{location} cannot be reached: {reason}"


def unknown_encoding(location: str, encoding: str) -> str:
    return f"{location} sent {encoding[:20]!r}, which was not asked for"


def invalid_body(location: str) -> str:
    return f"{location} sent a body that cannot be unpacked"


def body_too_large(location: str, limit_bytes: int) -> str:
    return f"{location} sent more than {limit_bytes // 2**20} MiB"


def not_a_feed(location: str, root_tag: str) -> str:
    return f"{location} is not a feed: its outermost element is {root_tag[-30:]!r}"


def host_error(location: str, text: str) -> str:
    return f"{location} reports an error: {text}"


def no_entry_readable(location: str, count: int) -> str:
    if count == 1:
        return f"the only entry of {location} cannot be read"
    return f"none of the {count:,} entries of {location} can be read"


def day_missing(location: str) -> str:
    return f"{location} does not say which day it is for"


def feed_of_other_day(shown: date, day: date) -> str:
    return f"arXiv's feed is for {shown}, not {day}"


def no_announcement(day: date) -> str:
    return f"arXiv announces nothing on {day:%A} {day}"


def count_missing(location: str, beginning: str) -> str:
    return f"{location} does not say how many records it found: {beginning}"


def results_missing(location: str) -> str:
    return f"{location} does not say how many records it found, or where they are"


def no_result(location: str, text: str) -> str:
    return f"{location} did not return a result but {text!r}"


def no_records(location: str, tag: str, text: str) -> str:
    return f"{location} did not return records but {tag}: {text!r}"


def no_records_yet(title: str, day: date) -> str:
    return f"{title} has no records for {day} yet"


def no_list_in_page(location: str) -> str:
    return f"{location} has no list of papers: the DailyPapers data is missing from the page"


def invalid_page(location: str) -> str:
    return f"{location} has DailyPapers data that cannot be parsed"


def page_incomplete(location: str) -> str:
    return f"{location} does not say which day it shows, or has no list"


def no_list_yet(title: str, day: date) -> str:
    return f"{title} has no list for {day} yet"


def no_list_on(title: str, day: date) -> str:
    return f"{title} has no list for {day:%A} {day}"


def page_of_other_day(title: str, day: date, shown: date) -> str:
    return f"{title} has no list for {day}; its page shows {shown}"


def page_failed_too(error: object, page_error: object) -> str:
    return f"{error}; the page could not be used either: {page_error}"


def page_used(error: object) -> str:
    return f"read from the page, because the API failed: {error}"


def list_only_on_page(title: str, day: date, count: int) -> str:
    if count == 1:
        return f"{title}'s API gave an empty list for {day}, but its page has 1 paper"
    return f"{title}'s API gave an empty list for {day}, but its page has {count:,} papers"


def too_many_tags(location: str, limit: int) -> str:
    return f"{location} has more than {limit:,} tags"


def xml_incomplete(location: str, beginning: str, error: object) -> str:
    return (
        f"{location} is not a complete XML document (it begins {beginning!r}): {error}"
        if beginning
        else f"{location} is not a complete XML document (it is empty): {error}"
    )


def xml_invalid(location: str, beginning: str, error: object) -> str:
    return f"{location} is not XML: it begins {beginning!r}; {error}"


def xml_declarations(location: str) -> str:
    return f"{location} declares entities or elements of its own, which is not supported"


def xml_document_type(location: str) -> str:
    return f"{location} declares a document type in the wrong place"


def type_mismatch(name: str) -> str:
    return f"its type is {name}"


def not_a_paper(name: str) -> str:
    return f"it has a {name} where a paper belongs"


def paper_without_day(source: str) -> str:
    return f"a paper in it has no day or rank, or is not listed under the name {source}"
