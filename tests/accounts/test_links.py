"""A link for a lost password is used up by a new password, and by nothing else."""

from __future__ import annotations

import pytest

from accounts import actions, links, passwords
from accounts.errors import Busy
from accounts.links import NoSignInLink
from accounts.models import User
from helpers.bus import MemoryBus
from helpers.database import Manager

NEW = "quay-and-lantern-9"


class Overworked(passwords.Passwords):
    """Has no time for one more."""

    async def hash(self, password: str) -> str:
        raise Busy


async def test_a_link_outlives_a_house_too_busy_to_use_it(
    manager: Manager, bus: MemoryBus, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await links.make_link(manager, ann.id, ann.id)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(passwords, "PASSWORDS", Overworked())
        with pytest.raises(Busy):
            await links.use_link(manager, bus, token, NEW)
    assert (await links.use_link(manager, bus, token, NEW)).session_epoch == ann.session_epoch + 1
    assert (await actions.check_credentials(manager, "ann", NEW)).id == ann.id
    with pytest.raises(NoSignInLink):
        await links.use_link(manager, bus, token, "another-tide-8")
