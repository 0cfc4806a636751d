"""JSON API of operators below /api/v1/admin, described by /api/v1/admin/openapi.json.

A token says who acts and what they may do. Lists are pages by a cursor; every action is on record, with its undo.

- `actions`: what operators did, and undo
- `application`: the application with its routers and errors
- `authorize`: tokens, scopes, and the limit of failed tries
- `changes`: one row changed, with its record
- `deliveries`: deliveries, bounces and rows that were set aside
- `inputs`: what requests are made of
- `objects`: what answers are made of
- `sources`: sources, their fetches, and papers that may be one
- `subscribers`: subscribers and the suppression list
"""
