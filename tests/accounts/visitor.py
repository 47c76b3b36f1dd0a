"""Somebody with a browser: opens pages, fills in their forms, and keeps cookies."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from http.cookies import SimpleCookie

from accounts.storage import COOKIE
from tests.conftest import Client

CSRF = re.compile(r'name="csrf" value="([0-9a-f]*)"')


@dataclass(frozen=True)
class Page:
    """What came back, without following where it leads."""

    status: int
    text: str
    leads_to: str | None
    headers: dict[str, str]
    cookie: str | None

    @property
    def csrf(self) -> str:
        """The token of its forms."""
        found = CSRF.search(self.text)
        assert found is not None, "the page has no form"
        return found[1]


class Visitor:
    """One browser on one process of the site."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def opens(self, path: str, **headers: str) -> Page:
        """GET, as a person does."""
        return await self._asks("GET", path, {}, {"Accept": "text/html", **headers})

    async def sends(self, path: str, data: dict[str, str], **headers: str) -> Page:
        """POST a form, as it stands."""
        return await self._asks("POST", path, data, {"Accept": "text/html", **headers})

    async def fills(self, path: str, *, on: str | None = None, **fields: str) -> Page:
        """Open the page (`on`, else the same path), type into its form, and send that to `path`."""
        page = await self.opens(on or path)
        return await self.sends(path, {**fields, "csrf": page.csrf})

    async def signs_in(self, name: str, password: str) -> Page:
        """By the front door."""
        return await self.fills("/login", name=name, password=password)

    async def is_signed_in(self) -> bool:
        """Whether one's own account opens."""
        return (await self.opens("/me")).status == 200

    @property
    def session(self) -> str | None:
        """The id in the session cookie."""
        for cookie in self.client.session.cookie_jar:
            if cookie.key == COOKIE:
                return cookie.value
        return None

    def takes(self, session: str) -> None:
        """Put this id into the cookie, as a thief or a planter would."""
        self.client.session.cookie_jar.update_cookies({COOKIE: session}, self.client.make_url("/"))

    async def _asks(self, method: str, path: str, data: dict[str, str], headers: dict[str, str]) -> Page:
        async with self.client.request(
            method, path, data=data or None, headers=headers, allow_redirects=False
        ) as answer:
            given: SimpleCookie = answer.cookies
            return Page(
                answer.status,
                html.unescape(await answer.text()),
                answer.headers.get("Location"),
                dict(answer.headers),
                given[COOKIE].OutputString() if COOKIE in given else None,
            )
