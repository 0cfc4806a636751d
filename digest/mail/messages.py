"""Sentences about relays, connections, addresses and the DKIM key; those of connections become a delivery's reply."""

ADDRESS_NOT_IN_HEADER = "the address cannot stand in a header"
RECIPIENT_NOT_ASCII = "this address cannot be written in SMTP without extensions"
SENDER_NOT_ASCII = (
    "the sender's address cannot be written in SMTP without extensions; see DIGEST_MAIL_FROM and DIGEST_BOUNCE_ADDRESS"
)
CANCELLED_WHILE_SENDING = "cancelled while the e-mail was being sent"
CANCELLED_WHILE_WAITING = "cancelled while the relay was about to answer"
CLOSED = "the connection was closed"
CLOSED_BY_RELAY = "the relay closed the connection"
CLOSED_AFTER_GREETING = "the relay closed the connection after its greeting"
CLOSING = "the relay is closing the connection"
LINE_WITHOUT_END = "the relay sends a line without end"
REPLY_WITHOUT_END = "the relay gave a reply without end, or of several codes"
MAKE_KEY = "A key that can be used is made by: openssl genrsa -out dkim.pem 2048"


def broken(error: object) -> str:
    return f"the connection broke: {error}"


def broken_before(reason: str) -> str:
    return f"the connection broke before the e-mail was sent: {reason}"


def no_answer(seconds: float) -> str:
    return f"no answer within {seconds:g} seconds"


def no_reply(reason: str) -> str:
    return f"no reply after the e-mail was sent: {reason}"


def unexpected_reply(text: str) -> str:
    return f"an unexpected reply after the e-mail: {text}"


def not_a_reply(text: str) -> str:
    return f"the relay said what is no answer: {text}"


def relay_refuses(relay: str, code: int, text: str) -> str:
    return f"{relay} refuses us: {code} {text}"


def no_safe_connection(relay: str, reason: object) -> str:
    return f"{relay}: no safe connection: {reason}"


def relay_failed(relay: str, reason: object) -> str:
    return f"{relay} cannot be used as DIGEST_SMTP_* say: {reason}"


def relay_unreachable(relay: str, reason: object) -> str:
    return f"{relay} cannot be reached: {reason}"


def relay_silent(relay: str, reason: object) -> str:
    return f"{relay} does not answer: {reason}"


def no_common_login(offered: str, known: str) -> str:
    return (
        f"it offers the logins {offered}, we have {known}; get a password for SMTP from its provider (an app "
        "password), or use another relay"
    )


def key_size(path: str, bits: int, least: int, most: int) -> str:
    return f"DIGEST_DKIM_KEY: {path} has {bits} bits; receivers take {least} to {most}. {MAKE_KEY}"


def invalid_signing_key(path: str, reason: str) -> str:
    return f"DIGEST_DKIM_KEY: {path} cannot sign: {reason}. {MAKE_KEY}"


def key_not_readable(path: str, reason: str) -> str:
    return f"DIGEST_DKIM_KEY: {path} cannot be read: {reason}. {MAKE_KEY}"


def not_private(path: str, label: str) -> str:
    return f"DIGEST_DKIM_KEY: {path} holds a {label}, no private key. {MAKE_KEY}"


def not_pem(path: str) -> str:
    return f"DIGEST_DKIM_KEY: {path} is no PEM file. {MAKE_KEY}"


def key_encrypted(path: str) -> str:
    return f"DIGEST_DKIM_KEY: {path} is protected by a passphrase, which cannot be entered at the start. {MAKE_KEY}"


def key_of_ed25519(path: str) -> str:
    return f"DIGEST_DKIM_KEY: {path} is an Ed25519 key, which few receivers verify so far. {MAKE_KEY}"


def not_rsa(path: str) -> str:
    return f"DIGEST_DKIM_KEY: {path} is no RSA key. {MAKE_KEY}"
