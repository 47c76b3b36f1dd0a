"""A school's site with users of its own, and a chat beside it."""
