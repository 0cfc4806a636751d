"""Contract of a source, as tests that its author runs on recorded answers. See docs/sources.md.

- `contract`: the tests, inherited by a test class of each source
- `recorded_host`: a host on loopback that plays recorded answers, with faults
"""

from digest.sources.testing.contract import SourceContract
from digest.sources.testing.recorded_host import Fault, RecordedAnswer, RecordedHost

__all__ = ["Fault", "RecordedAnswer", "RecordedHost", "SourceContract"]
