"""CSL-JSON, as Zotero, Mendeley and others export it."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from digest.subscribers.marks.references import messages
from digest.subscribers.marks.references.entries import (
    InvalidReference,
    Reference,
    arxiv_identifier,
    linked_identifier,
    make_reference,
    named_identifier,
)

MAX_NAMES = 5000  # of an item; only the first is taken
_ARXIV_FIELDS = ("number", "note", "archive", "archive_location", "publisher")  # arXiv:1706.03762


class ReferenceJsonError(ValueError):
    """Text that is no CSL-JSON. The message says what to do."""


def _to_text(value: object) -> object:
    """Return a number as text: PMIDs and years are often written without quotes. Null is no text."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_to_text)]


class CslName(BaseModel):
    """Name of an author, or of an organization."""

    model_config = ConfigDict(extra="ignore")

    family: Text = ""
    literal: Text = ""


class CslDate(BaseModel):
    """Date of an item."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    date_parts: list[list[Text]] = Field(default=[], alias="date-parts")
    raw: Text = ""


class CslItem(BaseModel):
    """Item of CSL-JSON, as far as we use it."""

    model_config = ConfigDict(extra="ignore")

    title: Text = ""
    abstract: Text = ""
    doi: Text = Field(default="", alias="DOI")
    pmid: Text = Field(default="", alias="PMID")
    pmcid: Text = Field(default="", alias="PMCID")
    url: Text = Field(default="", alias="URL")
    number: Text = ""
    note: Text = ""
    archive: Text = ""
    archive_location: Text = ""
    publisher: Text = ""
    author: list[CslName] = Field(default=[], max_length=MAX_NAMES)
    issued: CslDate = CslDate()


def parse_csl_json(text: str) -> Iterator[Reference | InvalidReference]:
    """Yield the items of a file in their order. Raises ReferenceJsonError for what is no CSL-JSON."""
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise ReferenceJsonError(messages.NESTED_TOO_DEEPLY) from error
    except ValueError as error:
        raise ReferenceJsonError(messages.INVALID_JSON) from error
    if isinstance(document, dict):  # one item, or the answer of an API with a list of them
        document = document["items"] if isinstance(document.get("items"), list) else [document]
    if not isinstance(document, list):
        raise ReferenceJsonError(messages.NO_ITEMS)
    return (_parse_item(place, item) for place, item in enumerate(document, start=1))


def _parse_item(place: int, value: Any) -> Reference | InvalidReference:
    try:
        item = CslItem.model_validate(value)
    except ValidationError as error:
        title = value.get("title") if isinstance(value, dict) else ""
        invalid = make_reference(place, title=title if isinstance(title, str) else "")
        field = ".".join(map(str, error.errors()[0]["loc"][:1]))
        message = messages.invalid_field(field) if field else messages.INVALID_ITEM
        return InvalidReference(place, invalid.title if isinstance(invalid, Reference) else invalid.text, message)
    dates = item.issued.date_parts
    first = item.author[0] if item.author else CslName()
    return make_reference(
        place,
        title=item.title,
        abstract=item.abstract,
        identifiers=[
            *(named_identifier(name, getattr(item, name)) for name in ("doi", "pmid", "pmcid")),
            linked_identifier(item.url),
            *(arxiv_identifier(getattr(item, name)) for name in _ARXIV_FIELDS),
        ],
        author=first.family or first.literal,
        year=dates[0][0] if dates and dates[0] else item.issued.raw,
    )
