"""Why an account rests, as the log of the site has it: whoever stands before the door is told."""

from __future__ import annotations

from accounts.errors import Suspended
from accounts.models import User
from helpers.database import Manager

# An account that rests keeps its name, so what stands under that is theirs; of that, what ends when their rest does.
WHY = """SELECT coalesce(s.body->>'reason', ''), coalesce(u.name, '') FROM site_log s
    LEFT JOIN users u ON u.id = s.actor_id
    WHERE s.act = 'siteban' AND s.body->>'user' = %s AND (s.body->>'until')::timestamptz = %s
    ORDER BY s.id DESC LIMIT 1"""


async def why_rests(manager: Manager, user: User) -> Suspended:
    """The refusal for an account that rests: until when, and by whom and why where the log of the site says so.

    Where whoever runs the site did it at the machine, they left no word.
    """
    row = await manager.row(WHY, user.name, user.suspended_until)
    reason, by = row or ("", "")
    return Suspended(user.suspended_until, by=by, reason=reason)
