"""bioRxiv and medRxiv.

- `highwire`: abstracts with tokens of HighWire's typesetting
- `source`: the preprints of a day, and those that journals published
"""

from digest.sources.biorxiv.highwire import clean_typesetting
from digest.sources.biorxiv.source import BiorxivSource, parse_publication, parse_record

__all__ = ["BiorxivSource", "clean_typesetting", "parse_publication", "parse_record"]
