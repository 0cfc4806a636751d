"""Forms of the pages: their fields, and their validation with a message for each field.

- `address_suggestions`: mail addresses that were probably meant
- `choices`: choices of the select lists
- `keyword_lines`: lines of the field with keywords, and the buttons beside them
- `learned_words`: part of the preferences form about learned words
- `models`: fields of the forms, as browsers send them
- `validation`: valid values and errors of a form
"""

from digest.web.forms.address_suggestions import suggest_address, suggest_domain
from digest.web.forms.choices import frequency_choices, frequency_value, timezones_by_region, timezones_including
from digest.web.forms.keyword_lines import append_keywords, edit_keywords, is_exclusion_line
from digest.web.forms.learned_words import WordSection, describe_words, parse_profile_form
from digest.web.forms.models import (
    AddressForm,
    ButtonForm,
    MarksForm,
    PreferencesFields,
    PreferencesForm,
    QuickActionForm,
    SubscribeForm,
    UnsubscribeForm,
)
from digest.web.forms.validation import (
    MAX_KEYWORDS_LENGTH,
    FieldError,
    ParsedForm,
    default_values,
    mute_keywords,
    non_blank_lines,
    parse_preferences_fields,
    parse_preferences_form,
    parse_subscribe_form,
    submitted_values,
)

__all__ = [
    "MAX_KEYWORDS_LENGTH",
    "AddressForm",
    "ButtonForm",
    "FieldError",
    "MarksForm",
    "ParsedForm",
    "PreferencesFields",
    "PreferencesForm",
    "QuickActionForm",
    "SubscribeForm",
    "UnsubscribeForm",
    "WordSection",
    "append_keywords",
    "default_values",
    "describe_words",
    "edit_keywords",
    "frequency_choices",
    "frequency_value",
    "is_exclusion_line",
    "mute_keywords",
    "non_blank_lines",
    "parse_preferences_fields",
    "parse_preferences_form",
    "parse_profile_form",
    "parse_subscribe_form",
    "submitted_values",
    "suggest_address",
    "suggest_domain",
    "timezones_by_region",
    "timezones_including",
]
