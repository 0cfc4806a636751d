"""Alembic's entry: runs on the connection that `db.upgrade` hands over, or offline for `alembic revision`."""

from alembic import context
from sqlmodel import SQLModel

import digest.models  # noqa: F401  - fills the metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()
