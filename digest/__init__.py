"""Mail people the new research papers that match their keywords."""

__version__ = "0.1.0"
