"""Questions of `digest setup`, and what it tells."""

ASK_SITE_NAME = "Name of the service"
ASK_BASE_URL = "Public address of the pages"
ASK_CONTACT = "Your own e-mail address"
ASK_TIMEZONE = "Time zone that new subscribers begin with"
ASK_SOURCES = "Sources to read"
ASK_DATABASE = "Address of the database"
ASK_SMTP_HOST = "Host of the SMTP relay (empty: e-mails stay on this machine)"
ASK_SMTP_USERNAME = "User name for the relay (empty: none)"
ASK_SMTP_PASSWORD = "Password for the relay"  # noqa: S105  - a question
ASK_SMTP_TLS = "Encryption to the relay: starttls, tls or none"
ASK_SMTP_PORT = "Port of the relay"
ASK_MAIL_FROM = "Sender that subscribers see"
ASK_POSTAL_ADDRESS = "Postal address for the footer of e-mails (many countries require one)"
ASK_RELAY_AGAIN = "Change the settings of the relay?"
KEEP_SECRET = "empty: as before"  # noqa: S105  - a hint
TEST_NEEDS_CONTACT = "The test e-mail needs your address: --contact you@example.org. To send none: --no-test-email"
RELAY_SILENT = "the relay did not answer in time"
NOTHING_WRITTEN = "Nothing was written. To write the settings all the same: --no-test-email"
SETUP_NEXT = "Next, check everything and start:\n\n  digest doctor\n  digest serve"
ENV_HEADER = "# Settings of digest, written by `digest setup`. To see all, explained: digest setup --show-settings\n"


def no_address(value: str) -> str:
    return f"{value!r} is no e-mail address. Example: you@example.org"


def testing_relay(host: str, port: int, recipient: str) -> str:
    return f"Sending an e-mail to {recipient} through {host}:{port}."


def relay_failed(reason: str) -> str:
    return f"The e-mail was not sent: {reason}"


def relay_tested(recipient: str) -> str:
    return f"The relay has accepted it. It should be in the mailbox of {recipient}, or in its spam folder."


def settings_written(path: object) -> str:
    return f"The settings are in {path}, which only you can read."


def operator_pages(url: str) -> str:
    return f"The operator's pages are {url}; log in with DIGEST_OPERATOR_TOKEN of that file."


def setting_not_saved(name: str) -> str:
    return f"{name} has characters that .env cannot hold. Set it in the environment."


def password_not_readable(path: object, reason: object) -> str:
    return f"Cannot read {path}: {reason}"
