"""Reasons why a value of a setting cannot be used. Each follows the name of the setting, and an example follows it."""

ONE_LINE = "must be on one line, without control characters"
HOSTNAME = "must be a domain name of letters, digits, hyphens and dots"
EMAIL_ADDRESS = "must be an e-mail address"
ASCII_LOCAL_PART = "must have only ASCII letters before the @, because most relays refuse others"
MAIL_FROM = "must be an e-mail address, or a name and an address; quote a name that contains a comma"
RATE = "must be at least one e-mail per day, or 0 for no limit"
URL = "must be an address that starts with http:// or https://"
URL_PARTS = "must have only a scheme, host, port and path"
URL_VARIABLE = "must be the address itself, because variables are not replaced here"
DATABASE_URL = "must be the address of a database"
DATABASE_NAME = "must name a database: the path of a file, or the name on the server at the end"
SQLITE_OPTIONS = "must not have options after a question mark, because SQLite takes none"
SNS_TOPIC = "must be the ARN of an Amazon SNS topic"
SENDGRID_KEY = "must be the verification key that SendGrid shows for its signed event webhook"
ACCENT = "must be a color written as #rrggbb"
LOGO_IS_NO_FILE = "is not a file"
LOGO_TOO_LARGE = "is larger than 100 KB"
LOGO_TYPE = "is neither an SVG nor a PNG image, or it is damaged"
TEMPLATES_IS_NO_FOLDER = "is not a folder"
NO_TEMPLATE = "is not used, because only .html and .txt files in the folders mail and web are templates"
TEMPLATE_LEADS_OUT = "leads out of the folder by a link, so it is not read; copy the file into the folder"
TEMPLATE_IS_NO_FILE = "is not a file"
TEMPLATE_IS_NO_TEXT = "is not text in UTF-8"
HOST_GAPS = "must name hosts, each with the seconds between two requests to it, 3600 at most"
NO_SOURCES = "must name at least one source"
TOKEN_CHARACTERS = "must have only ASCII letters, digits and punctuation, without spaces"  # noqa: S105  - no token
DKIM_PAIR = "is missing: a DKIM signature needs both the key and the selector."
SMTP_USERNAME_MISSING = "is missing, but DIGEST_SMTP_PASSWORD is set."
IMAP_SETTING_MISSING = "is missing, but DIGEST_IMAP_HOST is set."
SMTP_CLEARTEXT = "must not be none, because the password of DIGEST_SMTP_USERNAME would be sent unencrypted."
IMAP_CLEARTEXT = "must not be none, because the password of DIGEST_IMAP_USERNAME would be sent unencrypted."
OLD_DEFAULT_KEY = "must not contain the default key, because it is public."
KEY_MISSING = (
    "is missing or still the default, but DIGEST_SMTP_HOST is set. Without it, links in e-mails could be forged."
)


def bounce_address(max_characters: int) -> str:
    return f"must be a plain e-mail address with at most {max_characters} characters before the @"


def host(port_setting: str) -> str:
    return f"must be the name or IP address of a host only; set the port with {port_setting}"


def too_long(characters: int, max_characters: int) -> str:
    return f"must have at most {max_characters} characters, and this has {characters}"


def pale_accent(ratio: float, min_ratio: float) -> str:
    shown = int(ratio * 100) / 100  # cut, not rounded: 4.496 must not be shown as enough
    return f"must have a contrast of at least {min_ratio}:1 on white, and this has {shown:.2f}:1; take a darker color"


def too_many_links(count: int, max_count: int) -> str:
    return f"must have at most {max_count} links, and these are {count}; write a comma in an address as %2C"


def footer_link_without_parts(number: int) -> str:
    return f"must have a label and an address for each link, and link {number} lacks one; write a comma as %2C"


def footer_link_label(label: str, max_characters: int) -> str:
    return f"must have labels of at most {max_characters} characters on one line, and {label!r} is not one"


def footer_link_address(label: str) -> str:
    return f"must lead to addresses that start with https:// or http://, and {label!r} does not"


def secret_too_short(min_characters: int) -> str:
    return f"must have at least {min_characters} characters, because a shorter one could be guessed"


def unknown_source(name: str, known: str) -> str:
    return f"must name known sources ({known}), and {name!r} is not one"


def retention_too_short(min_days: int) -> str:
    return f"must be at least {min_days} days, because recent days are fetched again, or 0 to keep papers forever"


def unknown_timezone(name: str) -> str:
    return f"must be a time zone, and {name!r} is not one"


def invalid_proxy(address: str) -> str:
    return f"must list IP addresses or networks, and {address!r} is not one"


def proxy_too_wide(address: str) -> str:
    return f"must not contain {address}, because every client could then claim another IP address"


def unsupported_database(driver: str) -> str:
    return f"must be sqlite or postgresql+psycopg, not {driver!r}"


def unknown_setting(name: str, place: str) -> str:
    return f"{name} in {place} is not a setting."


def misspelled_setting(name: str, place: str, nearest: str) -> str:
    return f"{name} in {place} is not a setting. Did you mean {nearest}?"


def file_not_readable(reason: object) -> str:
    return f".env cannot be read as text: {reason}"


def invalid_value(name: str, reason: str, value: str, example: str) -> str:
    return f"{name}: {reason} (it is {value!r}). Example: {name}={example}"


def invalid_secret(name: str, reason: str, example: str) -> str:
    return f"{name}: {reason}. Example: {name}={example}"


def missing_setting(name: str, example: str) -> str:
    return f"{name}: is missing. Example: {name}={example}"


def undecodable_setting(prefix: str, reason: str) -> str:
    return f"A {prefix}* setting cannot be read: {reason}"


def invalid_combination(name: str, sentence: str, example: str) -> str:
    return f"{name} {sentence} Example: {name}={example}"


def invalid_database_url(reason: str, example: str) -> str:
    return f"The address of a database {reason}. Example: {example}"


def logo_not_readable(reason: str) -> str:
    return f"cannot be read: {reason}"


def invalid_logo(path: str, problem: str, example: str) -> str:
    return f"DIGEST_LOGO: {path} {problem}. Example: DIGEST_LOGO={example}"


def too_many_templates(max_count: int) -> str:
    return f"has more than {max_count} files; take a folder that has nothing but templates"


def template_too_large(max_kilobytes: int) -> str:
    return f"is larger than {max_kilobytes} KB"


def templates_not_readable(reason: str) -> str:
    return f"cannot be read: {reason}"


def invalid_templates(path: str, problem: str, example: str) -> str:
    return f"DIGEST_TEMPLATES: {path} {problem}. Example: DIGEST_TEMPLATES={example}"
