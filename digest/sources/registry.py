"""Where papers are listed. To add a source: one file, one line in SOURCES, one sample, one test."""

from digest.config import Settings
from digest.sources.arxiv import ArxivSource
from digest.sources.base import Source
from digest.sources.http import SourceClient
from digest.sources.huggingface import HuggingFaceSource

SOURCES = (HuggingFaceSource, ArxivSource)


def build_sources(settings: Settings, client: SourceClient) -> tuple[Source, ...]:
    """The sources that the settings name, in the order of SOURCES."""
    return tuple(kind.from_settings(settings, client) for kind in SOURCES if kind.name in settings.sources)
