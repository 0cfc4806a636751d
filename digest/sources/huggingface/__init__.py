"""Hugging Face Daily Papers.

- `entries`: papers out of the entries of the API, and out of the page
- `source`: which days are read, from the API or else from the page
"""

from digest.sources.huggingface.source import HuggingFaceSource

__all__ = ["HuggingFaceSource"]
