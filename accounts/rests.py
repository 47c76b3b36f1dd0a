"""Why an account rests, as the log of the site has it: whoever stands before the door is told."""

from __future__ import annotations

from accounts.errors import Suspended
from accounts.models import User
from helpers.database import Manager

# An account that rests keeps its name, so the entry under that is theirs.
WHY = """SELECT s.act, coalesce(s.body->>'reason', ''), coalesce(u.name, '') FROM site_log s
    LEFT JOIN users u ON u.id = s.actor_id
    WHERE s.act IN ('siteban', 'siteunban') AND s.body->>'user' = %s ORDER BY s.id DESC LIMIT 1"""


async def why_rests(manager: Manager, user: User) -> Suspended:
    """The refusal for an account that rests: until when, and by whom and why where the log of the site says so."""
    row = await manager.row(WHY, user.name)
    if row is None or row[0] != "siteban":
        # Whoever runs the site did it at the machine, and left no word.
        return Suspended(user.suspended_until)
    _, reason, by = row
    return Suspended(user.suspended_until, by=by, reason=reason)
