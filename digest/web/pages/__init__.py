"""Public pages.

- `account`: history, export and erasure of personal data
- `address`: change of address
- `archive`: web copies of digests
- `embed`: embedding in other sites
- `feeds`: Atom and JSON feeds
- `help`: help on keywords, privacy, robots.txt and security.txt
- `local_mailbox`: e-mails of a service without a relay
- `paper_entries`: papers as pages show them, views and search results
- `papers`: papers by day, view or search, one paper, citations
- `preferences`: confirm, change and end a subscription
- `quick_actions`: the one-button pages behind the links of an e-mail
- `subscribe`: front page with preview and form
"""
