"""Where papers are listed. To add a source: one file, one line in SOURCES, one sample, one test."""

from digest.settings import Settings
from digest.sources.arxiv import ArXiv
from digest.sources.base import Answer, Fetch, Listed, Source
from digest.sources.http import Client
from digest.sources.huggingface import HuggingFace

SOURCES = (HuggingFace, ArXiv)

__all__ = ["SOURCES", "Answer", "Client", "Fetch", "Listed", "Source", "build"]


def build(settings: Settings, client: Client) -> tuple[Source, ...]:
    """The sources that the settings name, in the order of SOURCES."""
    return tuple(kind.from_settings(settings, client) for kind in SOURCES if kind.name in settings.sources)
