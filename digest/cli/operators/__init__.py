"""Commands about the installation and what its operators do.

- `action_commands`: what operators did, and undo
- `doctor`: check settings, database, relay, sources and DNS
- `template_commands`: copy and check the operator's own templates
- `token_commands`: create, list and revoke tokens of the operator's API
"""
