"""Commands about the database: upgrade, copy, clean, and resume after an accident.

- `migrate`: upgrade the database, or copy it to another one
- `prune`: delete what is old
- `quarantine_commands`: list and release rows that cannot be read
- `resume`: resume sending after the database was restored
"""
