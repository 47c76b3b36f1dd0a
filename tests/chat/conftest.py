"""Who is on stage in the tests of rooms, and who is behind it."""

from tests.chat.backstage import ann, backstage, ben, lobby, max_, node, writer
from tests.stage import alice, bob, house, mona, nothing_fails, olga, quick_passwords

__all__ = ["alice", "bob", "house", "mona", "nothing_fails", "olga", "quick_passwords"]
__all__ += ["ann", "backstage", "ben", "lobby", "max_", "node", "writer"]
