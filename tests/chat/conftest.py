"""Who is on stage in the tests of rooms."""

from tests.stage import alice, bob, house, mona, nothing_fails, olga, quick_passwords

__all__ = ["alice", "bob", "house", "mona", "nothing_fails", "olga", "quick_passwords"]
