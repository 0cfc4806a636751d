"""Keywords from what people have elsewhere: e-mail subscriptions of arXiv and alerts of Google Scholar, pasted as text.

- `category_names`: names of the categories of arXiv in words
- `convert_alerts`: a pasted text, line by line
- `scholar_query`: one query of Google Scholar
"""

from digest.matching.alerts.convert_alerts import ConvertedAlerts, UnreadAlert, convert_alerts

__all__ = ["ConvertedAlerts", "UnreadAlert", "convert_alerts"]
