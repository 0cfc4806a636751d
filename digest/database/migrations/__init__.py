"""The schema's history, one line for SQLite and PostgreSQL alike."""
