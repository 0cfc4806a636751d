"""How a letter travels: its bytes (message), the way to the relay (smtp), a place to look at it (inbox)."""
