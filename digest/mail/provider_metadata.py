"""Metadata headers of mail providers: what their webhooks give back about a message. Pure."""

from collections.abc import Collection

METADATA_NAME = "digest-delivery"
SES_TAGS_HEADER = "X-SES-MESSAGE-TAGS"
_HEADERS = {
    "amazon-ses": f"{SES_TAGS_HEADER}: {METADATA_NAME}={{}}",
    "sendgrid": f'X-SMTPAPI: {{{{"unique_args": {{{{"{METADATA_NAME}": "{{}}"}}}}}}}}',
    "mailgun": f'X-Mailgun-Variables: {{{{"{METADATA_NAME}": "{{}}"}}}}',
    "postmark": f"X-PM-Metadata-{METADATA_NAME}: {{}}",
}
PROVIDERS = tuple(_HEADERS)


def metadata_headers(providers: Collection[str], token: str) -> tuple[str, ...]:
    """Return the header of each provider that makes it report `token` with the message."""
    return tuple(_HEADERS[provider].format(token) for provider in providers)
