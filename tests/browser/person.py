"""Somebody in front of a browser: what they do, and what they see."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from playwright.async_api import BrowserContext, ConsoleMessage, Error, Locator, Page, expect
from playwright.async_api import TimeoutError as NotThere

PASSWORD = "a sentence to come in with"
NOWHERE = "about:blank"
# How long one tries again, in seconds, and how long a try is, in milliseconds.
LONG = 30
GLANCE = 3_000
# A refused page is told of in the console as a fault of the network; and that a font took its time, on a busy machine.
NO_FAULTS = ("Failed to load resource", "WebSocket", "preloaded using link preload but not used")


class Person:
    """One browser of somebody's. `faults` collects what the page itself complained of."""

    def __init__(self, context: BrowserContext, page: Page, site: str, name: str) -> None:
        self.context = context
        self.page = page
        self.site = site
        self.name = name
        self.faults: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", self._error)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(words in message.text for words in NO_FAULTS):
            self.faults.append(message.text)

    def _error(self, error: Error) -> None:
        self.faults.append(str(error))

    # What they do

    async def leaves(self) -> None:
        """Close the browser. A page on its way is stopped first: Chromium forgets what closes it meanwhile."""
        for page in self.context.pages:
            while page.url != NOWHERE:
                with suppress(Error):
                    await page.goto(NOWHERE)
        await self.context.close()

    async def opens(self, path: str) -> None:
        """Go to an address of the site."""
        await self.page.goto(f"{self.site}{path}")

    async def sets_up(self, token: str) -> str:
        """Open the chat to everybody, as its admin. Gives the link for the others."""
        await self.opens(f"/setup/{token}")
        await self.page.get_by_label("Name of the chat").fill("Night Kiln")
        await self.page.get_by_label("Your name").fill(self.name)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_label("Anyone who finds the address").check()
        await self.page.get_by_role("button", name="Open the chat").click()
        return await self.page.locator("copy-line code").inner_text()

    async def submits(self, path: str, **fields: str) -> str:
        """Send the form of a page without looking at it. Gives the page that answers."""
        form = await (await self.context.request.get(f"{self.site}{path}")).text()
        token = re.search(r'name="csrf" value="([^"]+)"', form)
        assert token is not None
        answer = await self.context.request.post(
            f"{self.site}{path}", form={"csrf": token[1], **fields}, headers={"Origin": self.site}
        )
        assert answer.ok, await answer.text()
        return await answer.text()

    async def registers(self) -> None:
        """Make an account under their name."""
        await self.opens("/register")
        await self.page.get_by_label("Your name").fill(self.name)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Join").click()
        await self.page.wait_for_url("**/rooms*")

    async def enters(self, slug: str) -> None:
        """Open a room and wait until its line stands: until everybody else can see them there."""
        await self.opens(f"/rooms/{slug}")
        await self.is_here()

    async def makes(self, slug: str, title: str = "") -> None:
        """Make a room, and be in it."""
        await self.opens("/rooms#new")
        form = self.page.locator("#new")
        await form.get_by_label("Name").fill(slug)
        await form.get_by_label("Title").fill(title)
        await form.get_by_role("button", name="Make the room").click()
        await self.is_here()

    async def types(self, text: str) -> None:
        """Write into the composer, key by key at its end."""
        await self.composer.focus()
        await self.composer.press_sequentially(text)

    async def says(self, text: str) -> None:
        """Send a text."""
        await self.composer.fill(text)
        await self.composer.press("Enter")

    async def takes(self, tool: str, message: Locator) -> None:
        """Press a tool of a message. What moves away from under the pointer is pointed at again."""
        button = message.get_by_role("button", name=tool)
        async with asyncio.timeout(LONG):
            while True:
                await message.hover()
                with suppress(NotThere):
                    return await button.click(timeout=GLANCE)

    async def presses(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        for key in keys:
            await self.page.keyboard.press(key)

    # What they see

    @property
    def composer(self) -> Locator:
        return self.page.locator("#words")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def messages(self) -> Locator:
        """Every message of the log that has its number."""
        return self.log.locator(".message[data-seq]")

    @property
    def waiting(self) -> Locator:
        """Messages of theirs that are not sent yet."""
        return self.log.locator("[data-nonce]")

    @property
    def menu(self) -> Locator:
        return self.page.locator("command-menu")

    def message(self, text: str) -> Locator:
        """The message that says so."""
        return self.messages.filter(has_text=text)

    def event(self, text: str) -> Locator:
        """The line of the house that says so."""
        return self.log.locator(".event").filter(has_text=text)

    def notice(self, text: str) -> Locator:
        """What only they see."""
        return self.log.locator(".notice").filter(has_text=text)

    async def reads(self, text: str) -> None:
        """A message says so, once."""
        await expect(self.message(text)).to_have_count(1)

    async def sees(self, text: str) -> None:
        """The house says so."""
        await expect(self.event(text).first).to_be_visible()

    async def is_told(self, text: str) -> None:
        """An answer only for them says so."""
        await expect(self.notice(text).last).to_be_visible()

    async def is_here(self) -> None:
        """They are in the room: the line has greeted them, and their own name stands among those who are here."""
        # On a page made while the line before still stood, the name alone says nothing.
        await expect(self.page.locator("button[data-notify]")).to_have_attribute(
            "aria-label", re.compile("^Notifications: ")
        )
        await self.meets(self.name)

    async def meets(self, name: str) -> None:
        """Somebody stands among those who are here."""
        here = self.page.locator("#people li:not(.away)").filter(has_text=name)
        await expect(here).to_have_count(1)

    async def words(self) -> list[str]:
        """What the log says, in its order."""
        return await self.messages.locator(".words > p").all_inner_texts()
