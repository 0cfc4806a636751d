"""Commands about papers and where they come from.

- `feed_commands`: read a feed once, and show what it holds
- `paper_commands`: link papers that are one, and undo links
- `source_commands`: how the sources do
"""
