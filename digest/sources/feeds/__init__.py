"""Any feed: the papers that journals, preprint servers and blogs announce in RSS, RDF, Atom or JSON Feed.

- `addresses`: the feeds that the settings name
- `descriptions`: the abstract, and what else journals write into a description
- `dialects`: feeds of every dialect as entries
- `entries`: entries of a feed as they stand there, whatever its dialect
- `json_feed`: JSON Feed
- `listings`: entries as papers that the feed lists, with their identifiers
- `messages`: sentences about feeds
- `source`: the source `feeds`
- `trial`: one reading of a feed that is not in the settings yet
"""
