"""Messages about keywords that cannot be parsed: what is wrong, how to fix it, an example. Whole sentences."""

from collections.abc import Collection, Sequence

from digest.formatting import join_words

# What to write after a field that takes no words.
EXAMPLES = {
    "author": "choi",
    "au": "choi",
    "category": "cs.CL",
    "cat": "cs.CL",
    "source": "arxiv",
    "journal": "Nature",
    "doi": "10.1038",
    "kind": "editorial",
    "has": "code",
}
EMPTY = "The keyword is empty. Enter the words to look for."
NO_WORDS = "This has no letter or digit. Enter the words to look for."
NOT_STORABLE = "This contains characters that cannot be saved. Use plain letters and digits."
UNCLOSED_QUOTE = 'A quotation mark is not closed. Add a closing " or remove the opening one.'
UNCLOSED_PARENTHESIS = "A parenthesis is not closed. Add a closing ) or remove the opening one."
UNOPENED_PARENTHESIS = "This ) has no matching (. Remove it, or add the opening one."
INVALID_UPVOTES = "Write a number after upvotes, for example upvotes>20 or upvotes<=5."
OTHER_COUNTS = 'Only upvotes can be compared, as in upvotes>=20. To search for the words themselves, use "quotes".'
UNKNOWN_TAG = (
    "Of the PubMed tags, only [ti], [tiab], [tw], [ab], [au], [ad], [ta], [mh] and [pt] work here. Remove this one, "
    'or use "quotes".'
)
MISPLACED_TAG = "A tag such as [ti] must follow a word or a phrase directly, for example cats[ti]."
FIELD_AND_TAG = "The field is named twice. Keep either the field or the tag, for example title:cats or cats[ti]."
NO_DATES = "Dates cannot be searched, because every digest has only papers that are new to you. Remove this condition."
UNKNOWN_FIELD = (
    "This field is not supported. Use title:, abstract:, author:, category:, subject:, journal:, doi:, source:, kind:, "
    'like:, org: or has:code, or "quotes".'
)
UNKNOWN_HAS = "Only has:code is supported after has:."
PIPE_IN_WORD = 'A | inside a word has no meaning. Write OR between the words, or use "quotes".'
WRONG_DASHES = "Use one plain hyphen before a word to exclude it, for example jaguar -car."
SEVERAL_EXCLUDED = (
    "A hyphen at the start of the line excludes one phrase only. Put everything after it in parentheses, for example "
    "-(cats OR dogs)."
)
WORDS_AFTER_EXCLUDED = (
    'A hyphen excludes one word only. To exclude a phrase, quote it: -"two words". To require the next word, write AND.'
)
BESIDE_QUOTED = 'Text next to a quoted phrase needs AND or OR, for example "neural network" AND pruning.'
MISSING_OPERATOR = "AND or OR is missing here, for example robot AND (grasping OR pushing)."
STAR_IN_AUTHOR = 'Author names cannot contain *. Write an initial instead, for example author:"Y Choi".'
STAR_IN_QUOTES = "A * does not work inside quotes. Remove the quotes, for example language model*."
STAR_BEFORE_PUNCTUATION = "Words must follow a * directly, for example neural net* pruning. Remove the punctuation."
STAR_ALONE = "Put * directly after the beginning of a word, for example pretrain*."
FOREIGN_FUNCTION = (
    "This is how other search systems name fields. Write the words alone, or title: or abstract: before them, for "
    "example title:sepsis."
)
FOREIGN_FIELD = (
    "Fields after a period have no meaning here. Write the words alone, or title: or abstract: before them, for "
    "example title:sepsis."
)
FOREIGN_PROXIMITY = "Words near each other cannot be searched. Write AND between them, for example sepsis AND marker*."
FOREIGN_TRUNCATION = (
    "Only * stands for the rest of a word, at its end, for example pharmac*. British and American spelling are the "
    "same anyway."
)
SMALL_OPERATOR = 'Write operators in capitals: AND, OR, NOT. To search for the words themselves, use "quotes".'
LIST_IN_LINE = (
    'Write each keyword on a line of its own, or OR between them. To search for the words with the sign, use "quotes".'
)
BARE_CATEGORY = "Write cat: before each category, for example cat:cs.CL OR cat:cs.CV."
NO_CATEGORY = "This is not an arXiv category. Write one like category:cs.CL, or category:cs.* for all of cs."
NO_SOURCE = "This is not the name of a source. Write it like source:arxiv."
NO_DOI = "This is not a DOI. Write it like doi:10.1038/s41586-021-03819-2, or doi:10.1038 for all of a publisher."
UNKNOWN_KIND = "Only kind:paper and kind:editorial are supported. Other keywords find papers only."


NO_LIKE = "This does not name a paper. Write it like like:2607.20417, or like:10.1038/s41586-021-03819-2."


def unknown_paper(name: str) -> str:
    """Return the message for a paper that is in no list that was read."""
    return (
        f"We don't have the paper {name}. Only papers that a source has listed can be named; "
        "search for its title under Papers."
    )


def paper_without_words(name: str) -> str:
    """Return the message for a paper whose words cannot be compared."""
    return f"The words of {name} cannot be compared with those of other papers yet. Try it again tomorrow."


def unknown_source(names: Collection[str]) -> str:
    known = join_words([f"source:{name}" for name in names], conjunction="or")
    return f"There is no source of this name. Use {known}."


def no_journal(max_characters: int) -> str:
    return (
        f"This is not the name of a journal, of at most {max_characters} characters. Write it like "
        'journal:"Nature Medicine", or journal:Nature* for all that begin so.'
    )


def with_conversion(message: str, lines: Sequence[str]) -> str:
    if not lines:
        return message
    if len(lines) == 1:
        return f"{message} Here that is: {lines[0]}"
    return f"{message} Here that is, on lines of their own: {'; '.join(lines)}"


def missing_before(operator: str) -> str:
    return f'Something is missing before {operator}. To search for the word itself, write "{operator}".'


def missing_after(operator: str) -> str:
    return f'Something is missing after {operator}. To search for the word itself, write "{operator}".'


def missing_after_field(field: str) -> str:
    return f"Nothing follows {field} Write what to look for directly after the colon, for example {_example(field)}."


def missing_before_field(field: str) -> str:
    return f"AND or OR is missing before {field}, for example robot AND {_example(field)}."


def _example(field: str) -> str:
    return f"{field}{EXAMPLES.get(field.lower().rstrip(': '), 'cats')}"


def control_character(code_point: int) -> str:
    return f"The invisible control character U+{code_point:04X} is not allowed. Remove it."


def line_too_long(max_characters: int, characters: int) -> str:
    return f"A keyword can have at most {max_characters:,} characters, and this has {characters:,}. Shorten it."


def phrase_too_long(max_characters: int, characters: int) -> str:
    return (
        f"A phrase can have at most {max_characters} characters; this has {characters:,}. Join shorter ones with AND."
    )


def canonical_phrase_too_long(max_characters: int) -> str:
    return (
        f"With its special characters spelled out, this phrase has more than {max_characters} characters. Shorten it."
    )


def canonical_too_long(max_characters: int, max_nesting: int) -> str:
    return (
        f"Written out in full, this has more than {max_characters:,} characters or {max_nesting} nested parentheses. "
        "Split it into several lines."
    )


def too_many_words(max_words: int) -> str:
    return f"A phrase can have at most {max_words} words. Join shorter ones with AND."


def too_many_terms(max_terms: int) -> str:
    return f"A keyword can have at most {max_terms} terms. Split it into several lines."


def too_deeply_nested(max_depth: int) -> str:
    return f"Parentheses can be nested at most {max_depth} deep. Split the keyword into several lines."


def beginning_too_short(min_length: int) -> str:
    return f"At least {min_length} letters must come before *, for example pretrain*."


def no_author(max_characters: int) -> str:
    return f'This is not an author\'s name of at most {max_characters} characters. Write it like author:"Yejin Choi".'


def never_matches(keyword: str) -> str:
    return f"“{keyword}” is both required and excluded, so no paper can match. Remove one of the two."


def always_matches(keyword: str) -> str:
    return f"“{keyword}” is joined with its opposite by OR, so every paper would match. Remove one of the two."


NO_ALERT = (
    "There is neither an alert nor a subscription in this text. Paste the e-mail with its subject, or the queries."
)
ALERT_TOO_LONG = "This line is too long for a keyword."
ALERT_NOT_ADDED = "Only what the text adds before can be removed."
ALERT_CITATIONS = "New citations of an author cannot be followed here."
ALERT_RELATED = "Related research of an author cannot be followed here. Give some of their papers as examples."
ALERT_RECOMMENDED = "Recommendations have no query. Give papers that you like as examples."
ALERT_CONDITION = "This condition was left out, because it cannot be asked here."
