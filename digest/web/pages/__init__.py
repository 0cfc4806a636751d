"""Public pages.

- `account`: history, export and erasure of personal data
- `address`: change of address
- `archive`: web copies of digests
- `brand`: style sheet and logo of the operator's own look
- `embed`: embedding in other sites
- `feeds`: Atom and JSON feeds
- `help`: help on keywords, privacy, robots.txt and security.txt
- `list_options`: query parameters of lists of papers
- `local_mailbox`: e-mails of a service without a relay
- `marked_papers`: marks on papers: one by a link, those of a digest, saved papers
- `paper`: one paper, its thumbnail, citations
- `paper_entries`: papers as cards
- `papers`: papers of a day, week or month, and what trends
- `periods`: days, weeks, months and the calendar
- `preferences`: confirm, change and end a subscription
- `quick_actions`: the one-button pages behind the links of an e-mail
- `search_results`: papers that match a query
- `seeds`: papers that a subscriber gives as examples
- `sitemap`: sitemap and favicon
- `subscribe`: front page with preview and form
"""
