"""What a link between papers has changed, or what its source has said with it."""

import json
from typing import Any

from digest.database.models import PaperRelation


def read_evidence(link: PaperRelation) -> dict[str, Any]:
    """Return the evidence of a link; nothing where that cannot be read."""
    try:
        evidence = json.loads(link.evidence)
    except (ValueError, TypeError):
        return {}
    return evidence if isinstance(evidence, dict) else {}
