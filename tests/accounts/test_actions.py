"""What may be done to an account."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from accounts import actions, events, passwords
from accounts.errors import (
    BadCredentials,
    BadName,
    BadPassword,
    NameTaken,
    NoSuchUser,
    Suspended,
    WrongPassword,
)
from accounts.models import User
from accounts.passwords import Passwords
from helpers.bus import MemoryBus
from helpers.database import Manager
from tests.accounts.conftest import PASSWORD


class Ear:
    """Hears what the bus tells about one user."""

    def __init__(self, bus: MemoryBus) -> None:
        self.heard: asyncio.Queue[events.AccountEvent] = asyncio.Queue()
        bus.listen(lambda topic, data: self.heard.put_nowait(events.decode(data)), lambda: None)

    async def hears(self) -> events.AccountEvent:
        async with asyncio.timeout(30):
            return await self.heard.get()


@pytest.fixture
async def ear(bus: MemoryBus, ann: User) -> Ear:
    await bus.subscribe(events.user_topic(ann.id))
    return Ear(bus)


async def test_an_account_keeps_its_name_and_no_password(manager: Manager) -> None:
    user = await actions.register(manager, " @Ann ", PASSWORD)
    assert (user.name, user.name_key, user.is_admin, user.is_bot) == ("Ann", "ann", False, False)
    kept = await manager.value("SELECT password_hash FROM users WHERE id = %s", user.id)
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept
    assert [each.name for each in await actions.list_users(manager)] == ["Ann"]


@pytest.mark.parametrize("name", ["ann", "ANN", "ａｎｎ", "@Ann"])
async def test_a_name_is_had_by_one_account(manager: Manager, ann: User, name: str) -> None:
    with pytest.raises(NameTaken) as refused:
        await actions.register(manager, name, PASSWORD)
    assert refused.value.told()["field"] == "name"


async def test_of_ten_who_take_a_name_at_once_one_gets_it(manager: Manager) -> None:
    spellings = ["Ann", "ann", "ANN", "aNN", "anN"] * 2
    answers = await asyncio.gather(
        *(actions.register(manager, name, PASSWORD) for name in spellings), return_exceptions=True
    )
    assert sum(isinstance(answer, User) for answer in answers) == 1
    assert sum(isinstance(answer, NameTaken) for answer in answers) == 9


async def test_the_house_itself_has_no_double_and_no_password(manager: Manager) -> None:
    with pytest.raises(BadName):
        await actions.register(manager, "aiochat", PASSWORD)
    with pytest.raises(BadCredentials):
        await actions.check_credentials(manager, "aiochat", "")


async def test_an_account_is_part_of_the_open_transaction(manager: Manager) -> None:
    comer = await actions.newcomer("ann", PASSWORD)

    async def enrol_and_stumble() -> None:
        async with manager.transaction():
            await actions.enrol(manager, comer)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await enrol_and_stumble()
    assert await actions.find_user(manager, "ann") is None


async def test_a_taken_name_does_not_spoil_the_open_transaction(manager: Manager, ann: User) -> None:
    comer = await actions.newcomer("Ann", PASSWORD)
    async with manager.transaction():
        with pytest.raises(NameTaken):
            await actions.enrol(manager, comer)
        bob = await actions.enrol(manager, await actions.newcomer("bob", None))
    assert (await actions.load_user(manager, bob.id)) is not None


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        ("ann", "", "at least 8"),
        ("ann", "1234567", "at least 8"),
        ("ann", "x" * 513, "at most 512"),
        ("annabella", "annabella", "The name itself"),
        ("annabella", "ANNABELLA", "The name itself"),
        ("ann", "aaaaaaaaaaaa", "One character"),
    ],
)
async def test_a_password_that_is_none_is_refused(
    manager: Manager, name: str, password: str, says: str
) -> None:
    with pytest.raises(BadPassword) as refused:
        await actions.register(manager, name, password)
    assert says in refused.value.text
    assert refused.value.facts["field"] == "password"


@pytest.mark.parametrize(
    "password", ["12345678", "x1" * 256, "пароль длинный", "tab\tand\0nul", "lone\ud800surrogate"]
)
async def test_any_words_make_a_password(manager: Manager, password: str) -> None:
    await actions.register(manager, "ann", password)
    assert (await actions.check_credentials(manager, "ANN", password)).name == "ann"


async def test_an_accent_typed_as_two_characters_is_the_same_password(manager: Manager) -> None:
    await actions.register(manager, "ann", "caf\u00e9 au lait")
    assert await actions.check_credentials(manager, "ann", "cafe\u0301 au lait")


@pytest.mark.parametrize("name", ["ann", "nobody-here", "", "ann\0", "ann\ud800", "%", "a__", "x" * 9999])
async def test_a_wrong_password_and_an_unknown_name_are_refused_alike(
    manager: Manager, ann: User, name: str
) -> None:
    with pytest.raises(BadCredentials) as refused:
        await actions.check_credentials(manager, name, "not the one")
    assert refused.value.text == "Name and password do not match."


async def test_an_unknown_name_costs_the_same_work(
    manager: Manager, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str | None] = []
    real = passwords.PASSWORDS.matches

    async def matches(kept: str | None, password: str) -> bool:
        checked.append(kept)
        return await real(kept, password)

    monkeypatch.setattr(passwords.PASSWORDS, "matches", matches)
    for name in ("ann", "nobody"):
        with pytest.raises(BadCredentials):
            await actions.check_credentials(manager, name, "not the one")
    assert checked == [ann.password_hash, None]


async def test_an_old_hash_is_made_anew_when_its_password_is_known(
    manager: Manager, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stronger = Passwords(memory_kib=128, rounds=1)
    monkeypatch.setattr(passwords, "PASSWORDS", stronger)
    await actions.check_credentials(manager, "ann", PASSWORD)
    kept = (await actions.find_user(manager, "ann") or ann).password_hash
    assert "m=128" in kept
    assert kept != ann.password_hash
    await actions.check_credentials(manager, "ann", PASSWORD)
    stronger.close()


async def test_a_changed_password_ends_every_session(
    manager: Manager, bus: MemoryBus, ann: User, ear: Ear
) -> None:
    changed = await actions.change_password(manager, bus, ann, PASSWORD, "another-tide-8")
    assert changed.session_epoch == ann.session_epoch + 1
    assert await ear.hears() == events.SignedOutEverywhere(ann.id)
    assert await actions.check_credentials(manager, "ann", "another-tide-8")
    with pytest.raises(BadCredentials):
        await actions.check_credentials(manager, "ann", PASSWORD)


async def test_a_password_is_changed_only_by_who_knows_it(
    manager: Manager, bus: MemoryBus, ann: User
) -> None:
    with pytest.raises(WrongPassword):
        await actions.change_password(manager, bus, ann, "guess-guess", "another-tide-8")
    with pytest.raises(BadPassword) as refused:
        await actions.change_password(manager, bus, ann, PASSWORD, "short")
    assert refused.value.facts["field"] == "new"
    await manager.execute("DELETE FROM users WHERE id = %s", ann.id)
    with pytest.raises(NoSuchUser):
        await actions.set_password(manager, bus, ann, "another-tide-8")


async def test_of_two_changes_at_once_the_second_does_not_know_the_password_any_more(
    manager: Manager, bus: MemoryBus, ann: User
) -> None:
    await actions.change_password(manager, bus, ann, PASSWORD, "another-tide-8")
    # `ann` is as both looked her up.
    with pytest.raises(WrongPassword):
        await actions.change_password(manager, bus, ann, PASSWORD, "a-third-tide-9")
    assert await actions.check_credentials(manager, "ann", "another-tide-8")


async def test_signing_out_everywhere_is_told_to_every_process(
    manager: Manager, bus: MemoryBus, ann: User, ear: Ear
) -> None:
    assert (await actions.sign_out_everywhere(manager, bus, ann.id)).session_epoch == 1
    assert await ear.hears() == events.SignedOutEverywhere(ann.id)
    actions.sign_out(bus, ann.id, "ab12")
    assert await ear.hears() == events.SignedOut("ab12")
    with pytest.raises(NoSuchUser):
        await actions.sign_out_everywhere(manager, bus, 999)


async def test_who_is_suspended_hears_until_when(
    manager: Manager, bus: MemoryBus, ann: User, ear: Ear
) -> None:
    await actions.suspend(manager, [ann.id], datetime.now(UTC) + timedelta(hours=1))
    actions.tell_suspended(bus, ann.id)
    assert await ear.hears() == events.Suspended(ann.id)
    with pytest.raises(BadCredentials):
        await actions.check_credentials(manager, "ann", "not the one")
    with pytest.raises(Suspended) as refused:
        await actions.check_credentials(manager, "ann", PASSWORD)
    assert "until" in refused.value.text
    await actions.suspend(manager, [ann.id], None)
    assert await actions.check_credentials(manager, "ann", PASSWORD)


async def test_an_admin_is_made_and_unmade(manager: Manager, ann: User) -> None:
    await actions.promote(manager, ann.id)
    assert (await actions.find_user(manager, "ann") or ann).is_admin
    await actions.promote(manager, ann.id, is_admin=False)
    assert not (await actions.find_user(manager, "ann") or ann).is_admin
    with pytest.raises(NoSuchUser):
        await actions.promote(manager, 999)


class TestRenaming:
    async def test_the_new_name_signs_in_and_the_old_one_rests(self, manager: Manager, ann: User) -> None:
        renaming = await actions.rename(manager, ann.id, "Anna")
        assert renaming == actions.Renaming(ann.id, "ann", "Anna")
        assert (await actions.check_credentials(manager, "anna", PASSWORD)).id == ann.id
        with pytest.raises(NameTaken):
            await actions.register(manager, "ann", PASSWORD)
        bob = await actions.register(manager, "bob", PASSWORD)
        with pytest.raises(NameTaken):
            await actions.rename(manager, bob.id, "ANN")

    async def test_its_last_bearer_may_take_a_name_back(self, manager: Manager, ann: User) -> None:
        await actions.rename(manager, ann.id, "anna")
        assert (await actions.rename(manager, ann.id, "ann")).name == "ann"
        with pytest.raises(NameTaken):
            await actions.register(manager, "anna", PASSWORD)

    async def test_nobody_takes_every_name_by_changing_theirs(self, manager: Manager, ann: User) -> None:
        for number in range(7):
            await actions.rename(manager, ann.id, f"ann{number}")
        assert await manager.value("SELECT count(*) FROM reserved_names") == 5
        await actions.register(manager, "ann0", None)
        with pytest.raises(NameTaken):
            await actions.register(manager, "ann5", None)

    async def test_after_thirty_days_the_old_name_is_free(self, manager: Manager, ann: User) -> None:
        await actions.rename(manager, ann.id, "anna")
        until = await manager.value("SELECT until - now() FROM reserved_names WHERE name_key = 'ann'")
        assert timedelta(days=29, hours=23) < until <= timedelta(days=30)
        await manager.execute("UPDATE reserved_names SET until = now()")
        assert await actions.register(manager, "ann", PASSWORD)

    async def test_another_spelling_reserves_nothing(self, manager: Manager, ann: User) -> None:
        assert (await actions.rename(manager, ann.id, "ANN")).name == "ANN"
        assert await manager.value("SELECT count(*) FROM reserved_names") == 0

    async def test_a_taken_name_does_not_spoil_the_open_transaction(
        self, manager: Manager, ann: User
    ) -> None:
        bob = await actions.register(manager, "bob", PASSWORD)
        async with manager.transaction():
            with pytest.raises(NameTaken):
                await actions.rename(manager, bob.id, "ann")
            await actions.rename(manager, bob.id, "bobby")
        assert (await actions.load_user(manager, bob.id) or bob).name == "bobby"

    async def test_two_who_swap_names_do_not_wait_for_each_other(self, manager: Manager, ann: User) -> None:
        bob = await actions.register(manager, "bob", PASSWORD)
        async with asyncio.timeout(10):
            answers = await asyncio.gather(
                actions.rename(manager, ann.id, "bob"),
                actions.rename(manager, bob.id, "ann"),
                return_exceptions=True,
            )
        assert all(isinstance(answer, NameTaken) for answer in answers)

    @pytest.mark.parametrize("wanted", ["", "admin", "a b", "\u202eann"])
    async def test_a_name_that_cannot_be_is_refused(self, manager: Manager, ann: User, wanted: str) -> None:
        with pytest.raises(BadName):
            await actions.rename(manager, ann.id, wanted)

    async def test_nobody_has_no_name(self, manager: Manager) -> None:
        with pytest.raises(NoSuchUser):
            await actions.rename(manager, 999, "anna")
