"""Part of the preferences form about learned words: what it shows, and what was changed in it."""

import re
from dataclasses import dataclass, replace

from digest.subscribers import MAX_EDITS, ProfileChange, ProfileError, ProfileView, find_word
from digest.web import messages
from digest.web.forms.models import PreferencesForm
from digest.web.forms.validation import FieldError, ParsedForm

BAR_STEPS = 24  # classes .n1 to .n24
FULL_WEIGHT = 100  # what people see and enter for a weight of 1
FIRST_ROWS = 12  # shown at once; the others fold out


@dataclass(frozen=True, slots=True)
class WordRow:
    """Row of one word. `weight`: as shown or entered, `bar`: its length in steps."""

    key: str
    label: str
    weight: str
    bar: int
    is_edited: bool
    is_struck: bool


@dataclass(frozen=True, slots=True)
class WordSection:
    """What the form shows: words, those that were struck, and what was entered and is not saved."""

    view: ProfileView
    rows: tuple[WordRow, ...]
    is_chosen: bool
    restored: frozenset[str]
    new_words: str
    is_reset: bool

    @property
    def first_rows(self) -> tuple[WordRow, ...]:
        """Rows that are shown at once."""
        return self.rows[:FIRST_ROWS]

    @property
    def other_rows(self) -> tuple[WordRow, ...]:
        """Rows that fold out."""
        return self.rows[FIRST_ROWS:]

    @property
    def has_edits(self) -> bool:
        """True where the subscriber has edited a word."""
        return bool(self.view.struck) or any(word.is_edited for word in self.view.words)


def describe_words(view: ProfileView, form: PreferencesForm | None = None) -> WordSection:
    """Return what the form shows: what is stored, or what was entered."""
    entered = dict(zip(form.word, form.weight, strict=False)) if form else {}
    struck = set(form.strike) if form else set()
    heaviest = max((word.weight for word in view.words), default=1.0)
    rows = tuple(
        WordRow(
            key=word.key,
            label=word.label,
            weight=entered.get(word.key, shown_weight(word.weight)),
            bar=max(1, round(BAR_STEPS * word.weight / heaviest)),
            is_edited=word.is_edited,
            is_struck=word.key in struck,
        )
        for word in view.words
    )
    is_submitted = form is not None and bool(form.close_papers_shown)
    return WordSection(
        view=view,
        rows=rows,
        is_chosen=bool(form.close_papers) if form and is_submitted else view.in_digest,
        restored=frozenset(form.restore if form else ()),
        new_words=form.new_words if form else "",
        is_reset=bool(form and form.reset_words),
    )


def shown_weight(weight: float) -> str:
    """Return a weight as people see it, from 1 to 100."""
    return str(max(1, round(FULL_WEIGHT * weight)))


def parse_profile_form(form: PreferencesForm, view: ProfileView, parsed: ParsedForm) -> ProfileChange:
    """Return the edits, and set the choice about the section; errors go to `parsed`.

    What the form shows and was not touched is no edit, and no choice.
    """
    stored = view.profile.preferences.close_papers
    is_changed = bool(form.close_papers_shown) and bool(form.close_papers) != view.in_digest
    parsed.preferences = replace(parsed.preferences, close_papers=bool(form.close_papers) if is_changed else stored)
    shown = {word.key: shown_weight(word.weight) for word in view.words}
    weights: dict[str, float] = {}
    for key, text in zip(form.word, form.weight, strict=False):
        if key not in shown or text.strip() == shown[key]:
            continue
        if re.fullmatch(r"[0-9]{1,3}", text.strip()) and int(text) <= FULL_WEIGHT:
            weights[key] = int(text) / FULL_WEIGHT
        else:
            parsed.errors.append(FieldError("words", messages.invalid_weight(text.strip())))
    weights |= {key: 0.0 for key in form.strike if key in shown}
    restored = {word.key for word in view.struck} & set(form.restore)
    added = [text.strip() for text in re.split(r"[,;\r\n]+", form.new_words) if text.strip()]
    for text in added[: MAX_EDITS + 1]:
        try:
            find_word(text)
        except ProfileError as error:
            parsed.errors.append(FieldError("new_words", str(error)))
    return ProfileChange(
        weights={} if form.reset_words else weights,
        added=added,
        restored=restored,
        replace_all=bool(form.reset_words),
    )
