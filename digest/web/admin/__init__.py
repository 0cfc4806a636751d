"""Pages of the operator, behind a token.

- `action_offers`: which actions can be taken on an object now
- `action_pages`: pages that say what an action will do, and the forms that do it
- `action_texts`: texts of each action
- `activity_pages`: the record of what operators did
- `activity_rows`: rows of that record
- `alert_groups`: alerts by their cause, with the page on which it is dealt with
- `charts`: charts of the last 30 days as SVG
- `delivery_pages`: list of deliveries; one delivery and what can be done about it
- `delivery_rows`: rows of deliveries
- `live`: today's run as server-sent events
- `login`: login, sessions and protection against cross-site requests
- `messages`: sentences that stand in no template
- `next_digest`: what a subscriber gets next, and why
- `overview`: alerts, today's run, one line a source, the last 30 days
- `paper_pages`: papers that may be one, and links between papers
- `quarantine_pages`: rows that were set aside because they cannot be read
- `router`: all of these added to an application
- `source_pages`: how each source does
- `subscriber_pages`: list of subscribers and search; one subscriber and their next digest
"""
