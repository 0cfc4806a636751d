"""Certificates that Amazon SNS signs with: fetched once from its own hosts, and kept in memory."""

import re

from digest.bounces import messages
from digest.bounces.webhooks.amazon_ses import CERTIFICATE_URL
from digest.errors import SourceError, UntrustedRequestError
from digest.sources import RetryPolicy, SourceClient

MAX_CERTIFICATES = 20  # there is one for each region and year
MAX_CERTIFICATE_BYTES = 64 * 1024
_RETRY_POLICY = RetryPolicy(connect_timeout=3.0, read_timeout=5.0, total_timeout=8.0, max_attempts=1)


class CertificateStore:
    """Certificates by URL. `url_pattern` says from where they may be fetched."""

    def __init__(self, url_pattern: re.Pattern[str] = CERTIFICATE_URL) -> None:
        self._url_pattern = url_pattern
        self._certificates: dict[str, bytes] = {}

    async def get(self, url: str) -> bytes:
        """Return the certificate at `url`. Raises UntrustedRequestError for another host, SourceError without it."""
        if not self._url_pattern.fullmatch(url):
            raise UntrustedRequestError(messages.SNS_HOST_WRONG)
        if url not in self._certificates:
            async with SourceClient(retry_policy=_RETRY_POLICY) as client:
                response = await client.get(url)
            if response.status != 200 or len(response.body) > MAX_CERTIFICATE_BYTES:  # noqa: PLR2004
                raise SourceError(messages.certificate_missing(response.location))
            while len(self._certificates) >= MAX_CERTIFICATES:
                self._certificates.pop(next(iter(self._certificates)))
            self._certificates[url] = response.body
        return self._certificates[url]
