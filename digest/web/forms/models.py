"""Fields of the forms, as browsers send them."""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from digest.web.forms.keyword_lines import edit_line

MAX_ROWS = 2000  # keywords of one form


class TextForm(BaseModel):
    """Form whose fields are text, or several texts."""

    @field_validator("*", mode="after")
    @classmethod
    def _replace_surrogates(cls, value: Any) -> Any:
        # A body may be decoded to lone surrogates, which no page can show again.
        if isinstance(value, list):
            return [cls._replace_surrogates(item) for item in value]
        return value.encode(errors="replace").decode() if isinstance(value, str) else value


class PreferencesFields(TextForm):
    """Fields of both forms. All are text, so that an invalid value can be shown again.

    An empty field was not filled in and gets its default.
    """

    model_config = ConfigDict(extra="ignore")

    keywords: str = ""
    frequency: str = ""
    hour: str = ""
    timezone: str = ""
    cap: str = ""
    about_only: str = ""
    trending: str = ""
    summaries: str = ""


class SubscribeForm(PreferencesFields):
    """Form on the front page. `add`, `replace` and `convert` are buttons with a keyword; see `edit_keywords`.

    `alerts`: pasted text that a button converts. `website` is a honeypot: only programs see and fill it. `sure`: the
    address that was already questioned as a probable typo; sent again, it is meant. `mended`: the button with the
    suggested address.
    """

    email: str = ""
    sure: str = ""
    mended: str = ""
    website: str = ""
    alerts: str = ""
    add: str = ""
    replace: str = ""
    convert: str = ""


class PreferencesForm(PreferencesFields):
    """Form behind the preferences link. `pause` is a date, YYYY-MM-DD.

    Each row has a `keyword`, and its place from 0 in `muted` when it is; the last one is the field for another keyword.
    Where no row is sent the keywords are the lines of `keywords`. Buttons that show the form and save nothing: `remove`
    (a place), `add`, `replace` and `convert` (a keyword), `preview`. `sources` and `close_papers` count where `…_shown`
    is set. Learned words have a `word` and, at its place, a `weight` from 0 to 100; see `learned_words` for the others.
    """

    pause: str = ""
    thumbnails: str = ""
    sources: list[str] = Field(default=[], max_length=MAX_ROWS)
    sources_shown: str = ""
    close_papers: str = ""
    close_papers_shown: str = ""
    word: list[str] = Field(default=[], max_length=MAX_ROWS)
    weight: list[str] = Field(default=[], max_length=MAX_ROWS)
    strike: list[str] = Field(default=[], max_length=MAX_ROWS)
    restore: list[str] = Field(default=[], max_length=MAX_ROWS)
    new_words: str = ""
    reset_words: str = ""
    keyword: list[str] = Field(default=[], max_length=MAX_ROWS)
    muted: list[str] = Field(default=[], max_length=MAX_ROWS)
    remove: str = ""
    add: str = ""
    replace: str = ""
    convert: str = ""
    preview: str = ""

    @property
    def is_edit(self) -> bool:
        """True where a button asks to show the form and to save nothing."""
        return bool(self.remove or self.add or self.replace or self.convert or self.preview)

    def rows(self) -> list[tuple[str, bool]]:
        """Return the keywords and whether each is muted, as a button has changed them; blank ones are left out."""
        lines = self.keyword or re.split(r"\r\n|\r|\n", self.keywords)
        rows = [
            (text, str(place) in self.muted)
            for place, line in enumerate(lines)
            if str(place) != self.remove
            for text in edit_line(line, self.replace, self.convert)
        ]
        return [(text.strip(), is_muted) for text, is_muted in [*rows, (self.add, False)] if text.strip()]


class AddressForm(TextForm):
    """Form for another address. `sure` and `mended` as on the front page."""

    email: str = ""
    sure: str = ""
    mended: str = ""


class ButtonForm(BaseModel):
    """Form with several buttons; `answer` is the one that was pressed."""

    answer: str = ""


class UnsubscribeForm(ButtonForm):
    """Unsubscribe form. `one_click` is what a mail program sends (RFC 8058)."""

    one_click: str = Field(default="", alias="List-Unsubscribe")


class QuickActionForm(ButtonForm):
    """Form of a quick action. `undo` and `before` are signed notes of the previous state: to restore, and to keep."""

    undo: str = ""
    before: str = ""
    author: str = ""


class MarksForm(BaseModel):
    """Form with three buttons for each of many papers. `mark` sets, and `unmark` removes, what is written KIND:PAPER.

    `undo` is a signed note of the previous state, to restore.
    """

    mark: str = Field(default="", max_length=40)
    unmark: str = Field(default="", max_length=40)
    undo: str = Field(default="", max_length=1000)
