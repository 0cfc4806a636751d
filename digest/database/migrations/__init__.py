"""History of the schema, one line of revisions for SQLite and PostgreSQL.

The folder `versions` holds one file a revision.

- `env`: entry point of Alembic
"""
