"""Commands about e-mails that were sent, and those that came back.

- `bounce_commands`: handle, fetch and list bounces
- `delivery_commands`: list, show, resolve and retry deliveries
"""
