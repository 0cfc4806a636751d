"""Mail addresses that were probably meant in place of those that look mistyped."""

from difflib import get_close_matches

# Mail domains with very many users.
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


# Real domains that look like one of these.
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
MISSPELLED_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "comm": "com", "vom": "com", "xom": "com", "cim": "com",
           "om": "com", "cm": "com", "co": "com", "coom": "com", "ent": "net", "nte": "net", "ed": "de"}  # fmt: skip
MIN_NAME_LENGTH = 4  # characters of a name that is long enough for a typo
MIN_SIMILARITY = 0.85  # difflib's ratio: one or two characters of a usual name


def suggest_domain(domain: str) -> str:
    """Return the large mail domain that was probably meant; empty if there is no such guess."""
    domain = domain.strip().rstrip(".").casefold()
    name, _, ending = domain.partition(".")
    if domain in LARGE_MAIL_DOMAINS or domain in SIMILAR_MAIL_DOMAINS or not ending:
        return ""
    corrected = f"{name}.{MISSPELLED_ENDINGS.get(ending, ending)}"
    if corrected in LARGE_MAIL_DOMAINS:
        return corrected
    candidates = [
        candidate
        for candidate in sorted(LARGE_MAIL_DOMAINS)
        if candidate.partition(".")[2] == corrected.partition(".")[2]
        and len(candidate.partition(".")[0]) >= MIN_NAME_LENGTH
    ]
    return next(iter(get_close_matches(corrected, candidates, 1, MIN_SIMILARITY)), "")


def suggest_address(address: str) -> str:
    """Return the address with the domain that was probably meant; empty if there is nothing to suggest."""
    local, at_sign, domain = address.strip().rpartition("@")
    suggestion = suggest_domain(domain) if local and at_sign else ""
    return f"{local}@{suggestion}" if suggestion else ""
