"""Pages of the operator, behind a token.

- `charts`: charts of the last 30 days as SVG
- `delivery_pages`: one delivery and what can be done about it
- `live`: today's run as server-sent events
- `login`: login, sessions and protection against cross-site requests
- `overview`: alerts, today's run, the last 30 days
- `paper_pages`: papers that may be one, and links between papers
- `router`: all of these added to an application
- `subscriber_pages`: search for subscribers, one subscriber and their next digest
"""
