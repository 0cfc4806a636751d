"""A slip in the domain of an address: gmial.com for gmail.com. Only ever a question: whoever means it goes on. Pure."""

from difflib import get_close_matches

# Where very many people have their mail.
LARGE_MAIL_DOMAINS = frozenset(
    (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com"),
        *("icloud.com", "aol.com", "proton.me", "protonmail.com", "fastmail.com", "zoho.com", "gmx.de"),
        *("gmx.net", "web.de", "t-online.de", "freenet.de", "mail.ru", "yandex.ru", "naver.com"),
        *("outlook.de", "hotmail.de", "hotmail.fr", "hotmail.co.uk", "yahoo.co.uk", "yahoo.co.jp", "yahoo.de"),
        *("yahoo.fr", "orange.fr", "laposte.net", "free.fr", "libero.it", "tutanota.com", "posteo.de"),
        *("mailbox.org",),
    )
)
# Domains of their own that look like one of these.
SIMILAR_MAIL_DOMAINS = frozenset(
    (
        "mail.com",
        "email.com",
        "ymail.com",
        "hmail.com",
        "gmx.com",
        "gmx.at",
        "gmx.ch",
        "alive.com",
        "love.com",
        "five.com",
    )
)
MISSPELT_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "vom": "com", "xom": "com", "cim": "com",
           "om": "com", "cm": "com", "co": "com", "coom": "com", "ent": "net", "nte": "net", "ed": "de"}  # fmt: skip
MIN_NAME_LENGTH = 4  # letters of a name that is long enough to be misspelt
MIN_SIMILARITY = 0.85  # difflib's ratio: one or two letters of a usual name


def suggest_domain(domain: str) -> str:
    """The large domain that this one was probably meant to be; empty when there is no such guess."""
    written = domain.strip().rstrip(".").casefold()
    name, _, ending = written.partition(".")
    if written in LARGE_MAIL_DOMAINS or written in SIMILAR_MAIL_DOMAINS or not ending:
        return ""
    mended = f"{name}.{MISSPELT_ENDINGS.get(ending, ending)}"
    if mended in LARGE_MAIL_DOMAINS:
        return mended
    same = [each for each in sorted(LARGE_MAIL_DOMAINS) if each.partition(".")[2] == mended.partition(".")[2]]
    long = [each for each in same if len(each.partition(".")[0]) >= MIN_NAME_LENGTH]
    return next(iter(get_close_matches(mended, long, 1, MIN_SIMILARITY)), "")


def correct_address(address: str) -> str:
    """The whole address with the domain that was probably meant; empty when there is nothing to ask."""
    local, at, domain = address.strip().rpartition("@")
    guess = suggest_domain(domain) if local and at else ""
    return f"{local}@{guess}" if guess else ""
