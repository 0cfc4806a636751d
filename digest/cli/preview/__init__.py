"""`digest match` and `digest preview`: what keywords find.

- `command`: what keywords match, and the e-mail that they would get
- `keyword_suggestions`: what `digest match` says beside the papers
- `match_input`: papers for `digest match`, from the database or a file
"""
