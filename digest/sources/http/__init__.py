"""HTTP client that all sources share.

- `body`: bodies of answers, bounded and whole
- `client`: requests with retries, pauses and redirects
- `redirects`: where redirects may lead
- `throttle`: request intervals and pauses of hosts
- `validators`: by which a host tells that nothing has changed
"""

from digest.sources.http.body import GZIP_MAGIC, MAX_BODY_BYTES, GzipDecoder
from digest.sources.http.client import RetryPolicy, SourceClient, SourceResponse, describe_url, parse_retry_after
from digest.sources.http.redirects import is_redirect_allowed
from digest.sources.http.throttle import HostThrottle
from digest.sources.http.validators import HttpValidators, ValidatorsByKey

__all__ = [
    "GZIP_MAGIC",
    "MAX_BODY_BYTES",
    "GzipDecoder",
    "HostThrottle",
    "HttpValidators",
    "RetryPolicy",
    "SourceClient",
    "SourceResponse",
    "ValidatorsByKey",
    "describe_url",
    "is_redirect_allowed",
    "parse_retry_after",
]
