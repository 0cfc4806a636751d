"""Sentences about messages, requests and mailboxes that cannot be used. "It" is the message or the request."""

NO_HEADER = "it does not begin with a header"
NOT_JSON = "it is not JSON"
SNS_FIELD_NOT_TEXT = "a signed field is not text"
SNS_KEY_NOT_RSA = "its certificate has no RSA key"
SNS_CERTIFICATE_EXPIRED = "its certificate is not valid now; check the clock of this machine"
SNS_SIGNATURE_WRONG = "its signature is not from Amazon SNS"
SNS_TOPIC_WRONG = "its topic is not the one in DIGEST_BOUNCES_SES_TOPIC"
SNS_TYPE_UNKNOWN = "Amazon SNS does not document its type or signature version"
SNS_HOST_WRONG = "its certificate is not on a server of Amazon SNS"
MAILGUN_SIGNATURE_WRONG = "its signature was not made with DIGEST_BOUNCES_MAILGUN_KEY"
POSTMARK_PASSWORD_WRONG = "its password is not DIGEST_BOUNCES_POSTMARK_SECRET"  # noqa: S105  - a sentence
SENDGRID_KEY_NOT_ECDSA = "DIGEST_BOUNCES_SENDGRID_KEY is not an ECDSA key"
SENDGRID_SIGNATURE_WRONG = "its signature does not match DIGEST_BOUNCES_SENDGRID_KEY"


def headers_invalid(error: str) -> str:
    return f"its headers cannot be read: {error}"


def too_many_parts(limit: int) -> str:
    return f"it has more than {limit} parts that contain others"


def parsing_failed(error: str) -> str:
    return f"it cannot be parsed: {error}"


def certificate_missing(location: str) -> str:
    return f"{location} did not send a certificate"


def signed_too_early(minutes: int) -> str:
    return f"it was signed more than {minutes} minutes ago; check the clock of this machine"


def mailbox_failed(server: str, reason: str) -> str:
    return (
        f"the mailbox at {server} cannot be used: {reason}; check DIGEST_IMAP_HOST, DIGEST_IMAP_PORT and "
        "DIGEST_IMAP_TLS"
    )


def mailbox_login_failed(server: str, reason: str) -> str:
    return f"the mailbox at {server} refused the login: {reason}; check DIGEST_IMAP_USERNAME and DIGEST_IMAP_PASSWORD"


def mailbox_folder_failed(server: str, reason: str, folder: str) -> str:
    return f"the mailbox at {server} did not open the folder: {reason}; check DIGEST_IMAP_FOLDER={folder}"


def bounced(summary: str) -> str:
    return f"bounced: {summary}"


def delivered(summary: str) -> str:
    return f"delivered: {summary}"


def often_bounced(count: int, total: int, summary: str) -> str:
    return f"{count} of the last {total} e-mails bounced, last: {summary}"
