"""A locked room: who is who in it, and how a request is known again."""

from __future__ import annotations

import pytest

from chat.errors import NotFound
from chat.events import MemberJoined, Person
from chat.log import Nonce, digest, new_nonce
from chat.node import Node
from chat.policy import Role
from helpers.codec import BadFrame, Codec
from tests.chat.backstage import Backstage


async def test_people_are_found_by_name_whatever_the_case(
    node: Node, backstage: Backstage, lobby: int, ann: Person, max_: Person
) -> None:
    eve = await backstage.person("Eve")
    async with node.journal.transaction(lobby) as log:
        assert (await log.named("@ANN")).user_id == ann.id
        found = await log.named("max")
        assert (found.user_id, found.role, found.is_member) == (max_.id, Role.MODERATOR, True)
        stranger = await log.named("eve")
        assert (stranger.user_id, stranger.role, stranger.is_member) == (eve.id, Role.MEMBER, False)
        assert (await log.member(ann.id)).name == "ann"


async def test_who_is_not_found_is_told_of_close_names(node: Node, lobby: int) -> None:
    async with node.journal.transaction(lobby) as log:
        with pytest.raises(NotFound) as refused:
            await log.named("@anne")
        assert refused.value.facts["near"] == ["ann"]
        for nobody in ("aiochat", "@", "x" * 500):
            with pytest.raises(NotFound):
                await log.named(nobody)
        with pytest.raises(NotFound):
            await log.member(999)


async def test_a_guest_is_found_while_they_are_here_and_after_an_account_of_that_name(
    node: Node, backstage: Backstage, lobby: int, ann: Person
) -> None:
    gus = await backstage.person("gus", guest=True)
    namesake = await backstage.person("ann", guest=True)
    async with node.journal.transaction(lobby) as log:
        with pytest.raises(NotFound):
            await log.named("gus")
        for guest in (gus, namesake):
            await log.record(MemberJoined(by=guest, user=guest))
        assert (await log.named("gus")).role is Role.GUEST
        assert (await log.named("ann")).user_id == ann.id


def test_requests_are_the_same_when_all_their_parts_are() -> None:
    assert digest("say", "a") == digest("say", "a")
    assert len({digest("say", "a"), digest("say", "b"), digest("edit", "a"), digest("say", "\ud800")}) == 4
    assert new_nonce().startswith("~")
    assert new_nonce() != new_nonce()


def test_what_a_nonce_may_be_is_said_in_words() -> None:
    nonces: Codec[str] = Codec(Nonce)
    with pytest.raises(BadFrame) as refused:
        nonces.decode('"a b"')
    assert "letters and digits of English" in refused.value.text
    assert "\\" not in refused.value.text
