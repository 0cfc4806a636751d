"""Module that cannot be imported."""

raise RuntimeError("its library is missing")
