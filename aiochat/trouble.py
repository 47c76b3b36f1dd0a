"""What keeps the site from starting, told in one sentence instead of a traceback."""


class Trouble(Exception):
    """Its text is a sentence: what is wrong, and what to do about it."""
