"""The doors as people meet them."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from accounts import actions, doors, passwords
from accounts.models import User
from accounts.site import SiteCard, read_site
from aiochat.settings import Settings
from helpers.database import Manager
from tests.accounts.conftest import PASSWORD, Visits
from tests.accounts.visitor import Visitor

FORM = "application/x-www-form-urlencoded"


class TestRegistering:
    async def test_who_registers_is_in(self, visitor: Visitor, manager: Manager) -> None:
        page = await visitor.fills("/register", name=" Ann ", password=PASSWORD)
        assert (page.status, page.leads_to) == (303, "/")
        assert await visitor.is_signed_in()
        assert (await actions.find_user(manager, "ann")) is not None

    @pytest.mark.parametrize(
        ("name", "password", "status", "says"),
        [
            ("ann", PASSWORD, 409, "ann is taken"),
            ("ＡＮＮ", PASSWORD, 409, "ANN is taken"),
            ("", PASSWORD, 400, "at least one letter"),
            ("a b", PASSWORD, 400, "A space cannot stand in a name"),
            ("<script>alert(1)</script>", PASSWORD, 400, "< cannot stand in a name"),
            ("\u202eann", PASSWORD, 400, "U+202E"),
            ("an\0n", PASSWORD, 400, "U+0000"),
            ("admin", PASSWORD, 400, "not a name for one person"),
            ("bob", "short", 400, "at least 8 characters"),
            ("bob", "x1" * 300, 400, "at most 512 characters"),
        ],
    )
    async def test_what_cannot_be_is_said_beside_its_field_and_the_name_is_kept(
        self, visitor: Visitor, ann: User, name: str, password: str, status: int, says: str
    ) -> None:
        page = await visitor.fills("/register", name=name, password=password)
        assert page.status == status
        assert says in page.text
        assert 'aria-invalid="true"' in page.text
        assert password not in page.text
        assert not await visitor.is_signed_in()

    async def test_html_in_a_name_stays_words(self, visitor: Visitor) -> None:
        page = await visitor.opens("/register")
        data = {"name": '"><b>x</b>', "password": PASSWORD, "csrf": page.csrf}
        async with visitor.client.post("/register", data=data) as answer:
            raw = await answer.text()
        assert "<b>x</b>" not in raw
        assert "&lt;b&gt;x&lt;/b&gt;" in raw

    async def test_of_many_who_want_a_name_one_gets_it(self, visits: Visits, manager: Manager) -> None:
        people = [await visits() for _ in range(4)]
        pages = await asyncio.gather(
            *(person.fills("/register", name="ann", password=PASSWORD) for person in people)
        )
        assert sorted(page.status for page in pages) == [303, 409, 409, 409]
        assert [await person.is_signed_in() for person in people].count(True) == 1

    async def test_where_one_wanted_to_go_is_remembered(self, visitor: Visitor) -> None:
        assert (await visitor.opens("/register?next=/rooms/lobby")).status == 200
        page = await visitor.fills(
            "/register", on="/register?next=/rooms/lobby", name="ann", password=PASSWORD, next="/rooms/lobby"
        )
        assert page.leads_to == "/rooms/lobby"

    async def test_by_invitation_only_a_link_leads_in(self, visitor: Visitor, manager: Manager) -> None:
        await manager.execute("UPDATE site SET registration = 'invite'")
        page = await visitor.opens("/register")
        assert "by invitation" in page.text
        assert 'name="password"' not in page.text
        refused = await visitor.sends("/register", {"name": "ann", "password": PASSWORD, "csrf": page.csrf})
        assert refused.status == 403
        assert await actions.find_user(manager, "ann") is None

    @pytest.mark.parametrize(
        ("link", "leads_to"),
        [
            ("https://chat.example/join/abcdefghijklmnop", "/join/abcdefghijklmnop"),
            (" chat.example/join/abcdefghijklmnop/?x#y ", "/join/abcdefghijklmnop"),
            ("/join/abcdefghijklmnop", "/join/abcdefghijklmnop"),
            ("abcdefghijklmnop", "/join/abcdefghijklmnop"),
            ("https://chat.example/", None),
            ("https://evil.example/join/../../x", None),
            ("javascript:alert(1)", None),
        ],
    )
    async def test_a_pasted_link_is_understood(
        self, visitor: Visitor, manager: Manager, link: str, leads_to: str | None
    ) -> None:
        await manager.execute("UPDATE site SET registration = 'invite'")
        page = await visitor.fills("/register", link=link)
        assert page.leads_to == leads_to
        if leads_to is None:
            assert page.status == 400
            assert "not a link to this chat" in page.text

    @pytest.mark.parametrize("site", ["registration = 'closed'", "set_up_at = NULL"])
    async def test_a_closed_house_takes_nobody(self, visitor: Visitor, manager: Manager, site: str) -> None:
        csrf = (await visitor.opens("/login")).csrf
        await manager.execute(f"UPDATE site SET {site}")
        page = await visitor.sends("/register", {"name": "ann", "password": PASSWORD, "csrf": csrf})
        assert page.status == 403
        assert await actions.find_user(manager, "ann") is None

    async def test_one_address_makes_only_so_many_accounts(
        self, visitor: Visitor, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doors.SIGN_UPS, "limit", 1)
        await visitor.fills("/register", name="ann", password=PASSWORD)
        await visitor.fills("/logout")
        page = await visitor.fills("/register", name="bob", password=PASSWORD)
        assert page.status == 429
        assert int(page.headers["Retry-After"]) > 3000
        assert "The next one counts in" in page.text

    async def test_who_comes_too_often_has_no_password_hashed(
        self, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doors.SIGN_UPS, "limit", 0)
        monkeypatch.setattr(passwords.PASSWORDS, "hash", None)
        assert (await visitor.fills("/register", name="ann", password=PASSWORD)).status == 429
        assert (await visitor.fills("/register", name="ann", password="short")).status == 400, "not counted"


class TestSigningIn:
    @pytest.mark.parametrize(
        ("path", "leads_to"),
        [
            ("/rooms/lobby", "/rooms/lobby"),
            ("/rooms/lobby?at=1042", "/rooms/lobby?at=1042"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("\\/evil.example", "/"),
            ("/%5cevil.example", "/"),
            ("/%2f/evil.example", "/"),
            ("https://evil.example/", "/"),
            ("javascript:alert(1)", "/"),
            ("evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/\r\nSet-Cookie: a=b", "/"),
            ("/a%0d%0aSet-Cookie: a=b", "/"),
            (" //evil.example", "/"),
        ],
    )
    async def test_it_leads_where_one_wanted_to_go_on_this_site(
        self, visitor: Visitor, ann: User, path: str, leads_to: str
    ) -> None:
        page = await visitor.fills("/login", name="ann", password=PASSWORD, next=path)
        assert page.leads_to == leads_to

    async def test_who_is_turned_away_comes_back_to_the_very_page(self, visitor: Visitor, ann: User) -> None:
        turned = await visitor.opens("/try/members?a=1&b=%C3%A9%26")
        assert turned.status == 303
        door = await visitor.opens(turned.leads_to or "")
        assert 'name="next" value="/try/members?a=1&b=%C3%A9%26"' in door.text
        await visitor.signs_in("ann", PASSWORD)
        assert (await visitor.opens(turned.leads_to or "")).leads_to == "/try/members?a=1&b=%C3%A9%26"

    async def test_a_wrong_password_counts_down_to_a_pause_in_every_process_together(
        self, visits: Visits, ann: User
    ) -> None:
        here, there = await visits(), await visits()
        says = []
        for number in range(6):
            page = await (here, there)[number % 2].signs_in("ann", f"guess-number-{number}")
            says.append(page.text)
            assert page.status == (403 if number < 5 else 429)
        assert "Name and password do not match. Four more tries, then a pause of 3 minutes." in says[0]
        assert "Three more tries, then a pause of 3 minutes." in says[1]
        assert "One more try, then" in says[3]
        assert "The next try counts in 3 minutes." in says[4]
        assert "Too many tries. The next one counts in 3 minutes." in says[5]
        right = await there.signs_in("ANN", PASSWORD)
        assert right.status == 429
        assert 170 <= int(right.headers["Retry-After"]) <= 180
        assert not await there.is_signed_in()

    async def test_an_unknown_name_counts_down_alike(self, visitor: Visitor) -> None:
        for _ in range(5):
            page = await visitor.signs_in("nobody-here", "not the one")
        assert "The next try counts in 3 minutes." in page.text
        assert (await visitor.signs_in("nobody-here", "not the one")).status == 429

    async def test_the_right_password_begins_the_count_anew(self, visitor: Visitor, ann: User) -> None:
        for _ in range(4):
            await visitor.signs_in("ann", "not the one")
        await visitor.signs_in("ann", PASSWORD)
        await visitor.fills("/logout")
        assert "Four more tries" in (await visitor.signs_in("ann", "not the one")).text

    async def test_one_address_may_not_try_name_after_name(
        self, visitor: Visitor, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doors.BY_ADDRESS, "limit", 3)
        for number in range(3):
            await visitor.signs_in(f"somebody{number}", "not the one")
        assert (await visitor.signs_in("ann", PASSWORD)).status == 429

    async def test_a_class_behind_one_address_signs_in(
        self, visitor: Visitor, ann: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doors.BY_ADDRESS, "limit", 3)
        for _ in range(6):
            assert (await visitor.signs_in("ann", PASSWORD)).status == 303
            await visitor.fills("/logout")

    async def test_guesses_at_once_are_all_counted(self, visitor: Visitor, ann: User) -> None:
        csrf = (await visitor.opens("/login")).csrf
        guesses = ({"name": "ann", "password": f"guess-{number}", "csrf": csrf} for number in range(12))
        pages = await asyncio.gather(*(visitor.sends("/login", guess) for guess in guesses))
        assert sorted(page.status for page in pages) == [403] * 5 + [429] * 7

    async def test_a_field_is_not_emptied_by_an_error(self, visitor: Visitor, ann: User) -> None:
        page = await visitor.fills("/login", name="Ann", password="not the one", next="/rooms")
        assert 'value="Ann"' in page.text
        assert 'value="/rooms"' in page.text
        assert "not the one" not in page.text

    async def test_a_suspended_account_hears_until_when(
        self, visitor: Visitor, ann: User, manager: Manager
    ) -> None:
        await manager.execute("UPDATE users SET suspended_until = '2999-01-02 05:04+02'")
        page = await visitor.signs_in("ann", PASSWORD)
        assert page.status == 403
        assert "until 02 January 2999, 03:04 UTC" in page.text

    async def test_who_is_in_needs_no_door(self, visitor: Visitor, ann: User) -> None:
        await visitor.signs_in("ann", PASSWORD)
        for path in ("/login", "/register", "/login?next=//evil.example"):
            assert (await visitor.opens(path)).leads_to == "/"
        csrf = (await visitor.opens("/me")).csrf
        for path in ("/login", "/register"):
            page = await visitor.sends(path, {"name": "x", "password": PASSWORD, "csrf": csrf})
            assert page.leads_to == "/"

    @pytest.mark.parametrize(
        ("site", "says"),
        [
            ("registration = 'open'", "Choose a name"),
            ("registration = 'invite'", "I have a link"),
            ("registration = 'closed'", "Nobody new can register"),
            ("set_up_at = NULL", "not open yet"),
        ],
    )
    async def test_newcomers_hear_how_to_come_in(
        self, visitor: Visitor, manager: Manager, site: str, says: str
    ) -> None:
        await manager.execute(f"UPDATE site SET {site}")
        assert says in (await visitor.opens("/login")).text
        assert (await visitor.opens("/register")).status == 200

    @pytest.mark.parametrize("body", [b"\xff\xfe=%ff", b"name=%ff%00", b"a" * 200, b"name=ann&name=bob", b""])
    async def test_what_is_no_form_is_refused_and_not_a_fault(self, visitor: Visitor, body: bytes) -> None:
        kinds = (FORM, f"{FORM}; charset=nonsense", "multipart/form-data; boundary=x", "multipart/form-data")
        for kind in kinds:
            async with visitor.client.post("/login", data=body, headers={"Content-Type": kind}) as answer:
                assert answer.status in (400, 403)


class TestOnesOwnAccount:
    async def test_it_shows_the_name_and_since_when(self, visitor: Visitor, ann: User) -> None:
        await visitor.signs_in("ann", PASSWORD)
        page = await visitor.opens("/me")
        assert "<h1>ann</h1>" in page.text
        assert "Here since" in page.text
        assert page.headers["Cache-Control"] == "no-store"

    async def test_a_wrong_present_password_counts_like_a_sign_in(self, visitor: Visitor, ann: User) -> None:
        await visitor.signs_in("ann", PASSWORD)
        for number in range(6):
            page = await visitor.fills("/me/password", on="/me", old=f"guess-{number}", new="another-tide-8")
            assert page.status == (403 if number < 5 else 429)
        assert await visitor.is_signed_in()

    async def test_it_says_what_is_wrong_beside_the_field(self, visitor: Visitor, ann: User) -> None:
        await visitor.signs_in("ann", PASSWORD)
        wrong = await visitor.fills("/me/password", on="/me", old="not the one", new="another-tide-8")
        assert "This is not your present password. Four more tries" in wrong.text
        short = await visitor.fills("/me/password", on="/me", old=PASSWORD, new="short")
        assert short.status == 400
        assert 'id="f-new-w"' in short.text

    async def test_signing_out_asks_first_when_a_link_leads_there(self, visitor: Visitor, ann: User) -> None:
        assert (await visitor.opens("/logout")).leads_to == "/login"
        await visitor.signs_in("ann", PASSWORD)
        page = await visitor.opens("/logout")
        assert page.status == 200
        assert "<h1>Sign out</h1>" in page.text
        assert await visitor.is_signed_in()

    async def test_signing_out_twice_is_no_fault(self, visitor: Visitor, ann: User) -> None:
        csrf = (await visitor.opens("/login")).csrf
        assert (await visitor.sends("/logout", {"csrf": csrf})).leads_to == "/login"


class TestTheme:
    @pytest.mark.parametrize("theme", ["dark", "light"])
    async def test_the_light_one_wants_is_kept(self, visitor: Visitor, theme: str) -> None:
        page = await visitor.fills("/theme", on="/login", theme=theme, next="/login")
        assert page.leads_to == "/login"
        assert f'data-theme="{theme}"' in (await visitor.opens("/login")).text
        await visitor.fills("/theme", on="/login", theme="auto")
        assert "data-theme" not in (await visitor.opens("/login")).text

    @pytest.mark.parametrize("theme", ["", "sepia", '"><script>', "dark\r\nX: y"])
    async def test_any_other_word_changes_nothing(self, visitor: Visitor, theme: str) -> None:
        page = await visitor.fills("/theme", on="/login", theme=theme, next="//evil.example")
        assert page.leads_to == "/"
        assert "Set-Cookie" not in page.headers

    async def test_a_cookie_somebody_made_up_is_ignored(self, visitor: Visitor) -> None:
        visitor.client.session.cookie_jar.update_cookies(
            {"aiochat_theme": "sepia"}, visitor.client.make_url("/")
        )
        assert "data-theme" not in (await visitor.opens("/login")).text


async def test_a_flash_is_said_once_and_is_words(visitor: Visitor) -> None:
    for number in range(7):
        await visitor.opens(f"/try/say?text=<b>line {number}</b>")
    async with visitor.client.get("/login") as answer:
        raw = await answer.text()
    assert "&lt;b&gt;line 6&lt;/b&gt;" in raw
    assert "<b>line" not in raw
    assert "line 1" not in raw
    assert "line 6" not in (await visitor.opens("/login")).text


async def test_the_sites_card_is_read_anew_when_something_changed(manager: Manager) -> None:
    card = SiteCard(manager)
    assert (await card.site()).title == "aiochat"
    await manager.execute("UPDATE site SET title = 'Night Kiln', set_up_at = now(), registration = 'invite'")
    assert (await card.site()).title == "aiochat"
    card.forget()
    site = await card.site()
    assert (site.title, site.registration, site.is_set_up) == ("Night Kiln", "invite", True)
    assert site == await read_site(manager)


async def test_while_the_database_is_away_the_card_says_what_it_last_knew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.database.WAIT_FOR_CONNECTION", 0.2)
    away = Manager("postgresql://nobody@127.0.0.1:1/nothing", min_size=0, max_size=1)
    card = SiteCard(away)
    assert (await card.site()).title == "aiochat"
    assert (await card.site()).registration == "closed"
    await away.close()
