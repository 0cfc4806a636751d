"""List of all sources, and their creation from settings."""

from digest.config import Settings
from digest.sources.arxiv import ArxivSource
from digest.sources.base import Source
from digest.sources.http import SourceClient
from digest.sources.huggingface import HuggingFaceSource

SOURCES = (HuggingFaceSource, ArxivSource)


def build_sources(settings: Settings, client: SourceClient) -> tuple[Source, ...]:
    """Create the sources that the settings name, in the order of SOURCES."""
    return tuple(source.from_settings(settings, client) for source in SOURCES if source.name in settings.sources)
