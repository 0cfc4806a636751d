"""What the operator's pages say of a source."""

from datetime import date

from digest.monitoring import SourceOverview
from digest.web.admin.messages import source_status


def test_a_source_whose_lists_were_all_empty_is_not_called_unfetched() -> None:
    assert source_status([SourceOverview("arxiv", "arXiv")]) == "No list with papers yet."
    whole = SourceOverview("arxiv", "arXiv", last_whole_day=date(2026, 7, 30), entries=1)
    assert source_status([whole]) == "Fine. Last list of Thursday 30 July, 1 paper."
