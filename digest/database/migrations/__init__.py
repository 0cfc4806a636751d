"""History of the schema, one line of revisions for SQLite and PostgreSQL.

- `env`: entry point of Alembic
- `versions`: one file a revision
"""
