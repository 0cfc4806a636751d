"""planning."""

from digest.planning.due import CHUNK_SIZE, DueGroup, due_groups
from digest.planning.planner import PlanCallback, PlanReport, never, nobody, plan
from digest.planning.preview import Preview, first_papers, preview, preview_context, preview_from_index

__all__ = [
    "CHUNK_SIZE",
    "DueGroup",
    "PlanCallback",
    "PlanReport",
    "Preview",
    "due_groups",
    "first_papers",
    "never",
    "nobody",
    "plan",
    "preview",
    "preview_context",
    "preview_from_index",
]
