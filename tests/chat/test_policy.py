"""Ranks, switches, and who may do what to whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.errors import ThatIsYou
from chat.forbidden import Archived, Banned, Locked, Muted, NotAllowed, NotVoiced, RankTooHigh, Removed
from chat.policy import (
    LEAST_ROLE,
    Permission,
    Role,
    Switches,
    least,
    may,
    require,
    require_entry,
    require_speech,
)

NOW = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)
SOON = NOW + timedelta(minutes=10)
OPEN = Switches(guests_welcome=True)

roles = st.sampled_from(Role)
permissions = st.sampled_from(Permission)


def test_every_permission_has_its_least_role() -> None:
    assert set(LEAST_ROLE) == set(Permission)


@given(roles, roles, permissions)
def test_a_higher_rank_may_all_that_a_lower_may(one: Role, other: Role, permission: Permission) -> None:
    low, high = sorted((one, other))
    assert may(high, permission) or not may(low, permission)


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        (Permission.KICK, Role.MODERATOR),
        (Permission.CLEAR, Role.OWNER),
        (Permission.SET_ROLE, Role.OWNER),
        (Permission.SPEAK, Role.GUEST),
        (Permission.RENAME_SELF, Role.MEMBER),
    ],
)
def test_the_least_role_may_and_the_one_below_may_not(permission: Permission, role: Role) -> None:
    assert may(role, permission)
    assert not any(may(lower, permission) for lower in Role if lower < role)


@pytest.mark.parametrize(
    ("switches", "permission", "role"),
    [
        (Switches(moderators_clear=True), Permission.CLEAR, Role.MODERATOR),
        (Switches(), Permission.CLEAR, Role.OWNER),
        (Switches(topic_by=Role.MEMBER), Permission.SET_TOPIC, Role.MEMBER),
        (Switches(invite_by=Role.OWNER), Permission.INVITE, Role.OWNER),
        (Switches(), Permission.SPEAK, Role.MEMBER),
        (OPEN, Permission.SPEAK, Role.GUEST),
        (Switches(locked=True, guests_welcome=True), Permission.SPEAK, Role.MODERATOR),
        (Switches(locked=True), Permission.EDIT_OWN, Role.MEMBER),
    ],
)
def test_a_switch_moves_the_least_role(switches: Switches, permission: Permission, role: Role) -> None:
    assert least(permission, switches) is role


def test_who_may_not_is_told_who_may() -> None:
    with pytest.raises(NotAllowed) as refused:
        require(Role.MEMBER, Permission.KICK, room="lobby", command="kill")
    assert refused.value.text == "Only moderators of #lobby can /kill. Ask one of them."


@given(roles, roles, st.sampled_from([Permission.KICK, Permission.BAN, Permission.MUTE, Permission.SET_ROLE]))
def test_nobody_acts_on_an_equal_or_higher_rank(role: Role, over: Role, permission: Permission) -> None:
    try:
        require(role, permission, over=over, name="ann")
    except (NotAllowed, RankTooHigh):
        assert over >= role or not may(role, permission)
    else:
        assert role > over


def test_a_rank_too_high_says_which() -> None:
    with pytest.raises(RankTooHigh) as refused:
        require(Role.MODERATOR, Permission.KICK, over=Role.OWNER, name="ann")
    assert refused.value.text == "@ann is an owner; you can only act on lower ranks. Talk to a site admin."


def test_an_admin_stands_above_owners() -> None:
    require(Role.ADMIN, Permission.KICK, over=Role.OWNER)


def test_nobody_shows_themselves_out() -> None:
    with pytest.raises(ThatIsYou):
        require(Role.MODERATOR, Permission.KICK, over=Role.MODERATOR, oneself=True, command="kill")


def test_who_may_not_at_all_is_not_told_about_themselves() -> None:
    with pytest.raises(NotAllowed):
        require(Role.MEMBER, Permission.KICK, over=Role.MEMBER, oneself=True)


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.OWNER, Role.ADMIN])
def test_one_may_step_down(role: Role) -> None:
    require(role, Permission.SET_ROLE, over=role, oneself=True, to=Role.MEMBER)


@pytest.mark.parametrize(
    ("role", "to", "refusal"),
    [
        (Role.MODERATOR, Role.OWNER, NotAllowed),
        (Role.OWNER, Role.OWNER, ThatIsYou),
        (Role.MEMBER, Role.MEMBER, NotAllowed),
    ],
)
def test_one_may_not_step_up_or_stay(role: Role, to: Role, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        require(role, Permission.SET_ROLE, over=role, oneself=True, to=to)


def test_an_owner_may_give_a_rank_up_to_their_own() -> None:
    require(Role.OWNER, Permission.SET_ROLE, over=Role.MEMBER, to=Role.OWNER)
    with pytest.raises(NotAllowed) as refused:
        require(Role.OWNER, Permission.SET_ROLE, over=Role.MEMBER, to=Role.ADMIN, room="lobby")
    assert refused.value.text == "Only site admins can do that. Ask one of them."


switches = st.builds(
    Switches,
    private=st.booleans(),
    comings_and_goings=st.booleans(),
    history_from_join=st.booleans(),
    topic_by=roles,
    invite_by=roles,
    slow_mode=st.integers(0, 21_600),
)
anything = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=9) | st.lists(st.integers(), max_size=1)
)


@given(switches)
def test_switches_come_back_as_they_were_kept(kept: Switches) -> None:
    assert Switches.read(kept.told()) == kept


@given(st.dictionaries(st.sampled_from([*Switches().told(), "of_tomorrow"]), anything))
def test_any_json_can_be_read_as_switches(kept: dict[str, Any]) -> None:
    read = Switches.read(kept)
    assert Switches.read(read.told()) == read
    assert read.slow_mode >= 0


def test_what_is_unknown_or_of_another_kind_is_passed_over() -> None:
    kept = {
        "private": "yes",
        "archived": 1,
        "slow_mode": True,
        "topic_by": "king",
        "of_tomorrow": 3,
        "locked": True,
    }
    assert Switches.read(kept) == Switches(locked=True)
    assert Switches.read(None) == Switches()


@pytest.mark.parametrize(
    ("role", "set_so", "voiced", "muted", "refusal"),
    [
        (Role.OWNER, Switches(archived=True), True, False, Archived),
        (Role.MEMBER, Switches(), False, True, Muted),
        (Role.OWNER, Switches(), False, True, Muted),
        (Role.MEMBER, Switches(locked=True), True, False, Locked),
        (Role.MEMBER, Switches(moderated=True), False, False, NotVoiced),
        (Role.GUEST, Switches(), False, False, NotAllowed),
    ],
)
def test_some_may_read_but_not_speak(
    role: Role, set_so: Switches, voiced: bool, muted: bool, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        require_speech(
            role, set_so, now=NOW, voiced=voiced, muted_until=SOON if muted else None, room="lobby"
        )


@pytest.mark.parametrize(
    ("role", "set_so", "voiced"),
    [
        (Role.MEMBER, Switches(), False),
        (Role.GUEST, OPEN, False),
        (Role.MEMBER, Switches(moderated=True), True),
        (Role.MODERATOR, Switches(moderated=True), False),
        (Role.MODERATOR, Switches(locked=True), False),
    ],
)
def test_others_may_speak(role: Role, set_so: Switches, voiced: bool) -> None:
    require_speech(role, set_so, now=NOW, voiced=voiced, muted_until=NOW)


def test_a_mute_ends_at_its_moment() -> None:
    with pytest.raises(Muted) as refused:
        require_speech(Role.MEMBER, Switches(), now=NOW, muted_until=SOON, reason="links")
    assert refused.value.text.startswith(
        "You are muted until 14:12 UTC (links). Your text is kept. A moderator"
    )
    require_speech(Role.MEMBER, Switches(), now=SOON, muted_until=SOON)


def test_the_banned_and_the_just_removed_may_not_enter_until_their_moment() -> None:
    with pytest.raises(Banned):
        require_entry(now=NOW, banned_until=SOON, out_until=SOON, room="lobby")
    with pytest.raises(Removed) as refused:
        require_entry(now=NOW, out_until=NOW + timedelta(seconds=41.5), reason="off topic", room="lobby")
    assert refused.value.text == "You were removed from #lobby (off topic). You may come back in 42 s."
    assert refused.value.told()["retry_after"] == 42
    require_entry(now=SOON, banned_until=SOON, out_until=NOW, room="lobby")


@given(roles)
def test_a_role_is_found_by_its_word(role: Role) -> None:
    assert Role.named(role.word) is role
    assert role.one.endswith(role.all.removesuffix("s"))


def test_a_word_that_is_no_role_is_none() -> None:
    assert Role.named("king") is None
