"""Every command there is: done once though it is sent twice, seen at another process, refused to who may not.

The table is `SCENES` in scenes.py: one `Scene` for each command, by its name. Whoever adds a command adds a scene
there, or the first test here fails. The least that a scene needs is the line and the kind of frame that others hear of
it: `"mute": Scene("/mute bob 10m spam", "muted")`; for a command that only tells its caller something,
`looks(line, answer)` with how the answer begins. `Scene` says what more there is. The finer refusals of each command
are tested beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chat.commands import COMMANDS
from chat.policy import Role
from tests.chat.commands.scenes import (
    LINK,
    SCENES,
    Cast,
    Scene,
    confirmed,
    told,
    types,
    who_may,
    who_may_not,
)
from tests.people import House


@contextmanager
def scene_of(name: str) -> Iterator[None]:
    """What goes wrong inside says in which scene."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"in the scene of /{name}")
        raise


@pytest.fixture
async def cast(house: House) -> Cast:
    """All of them, at two processes."""
    everybody = Cast(house)
    names = {who_may(name) for name in SCENES} | {scene.witness for scene in SCENES.values()}
    await everybody.comes(names)
    return everybody


def test_every_command_has_a_scene() -> None:
    assert {command.name for command in COMMANDS} == set(SCENES)


@pytest.mark.timeout(600)
async def test_every_command_acts_once_and_is_seen_at_another_process(cast: Cast) -> None:
    for name, scene in SCENES.items():
        with scene_of(name):
            await _play(cast, f"r-{name}", scene, who_may(name))


@pytest.mark.timeout(600)
async def test_every_command_is_refused_to_who_may_not(cast: Cast) -> None:
    for name, scene in SCENES.items():
        with scene_of(name):
            await _refuse(cast, f"r-{name}", scene, who_may_not(name))


async def _play(cast: Cast, slug: str, scene: Scene, by: str) -> None:
    await cast.room(slug, *({scene.witness} - {"olga"}))
    place = slug
    if scene.there:
        place = f"{slug}-2"
        await cast.house.room(place, cast.near["olga"])
        await cast.house.ranks(cast.near["wanda"], Role.MEMBER, place)
    number = await cast.number(slug)
    words = (await types(cast.near["bob"], slug, "one")).json.seq

    def said(text: str) -> str:
        return text.format(room=slug, seq=words)

    for who, line in scene.before:
        person = cast.near[who]
        done = await types(person, slug, await confirmed(person, slug, said(line)))
        assert done.status in (200, 201), done.text
    witness = cast.far[scene.witness]
    await witness.enters(place)
    await witness.hears("joined", user=scene.witness)

    line = await confirmed(cast.near[by], slug, said(scene.line))
    first = await types(cast.near[by], slug, line, "n-1")
    assert first.status in (200, 201), first.text
    if scene.sees:
        await witness.hears(scene.sees)
    if scene.ends:
        assert await witness.tab.is_closed() == scene.ends
    if scene.answer:
        assert told(first).startswith(said(scene.answer))
        # The time in an answer is another a moment later.
        assert told(await types(cast.far[by], slug, line)).startswith(said(scene.answer))
    who, typed, text = scene.then
    if who:
        assert said(text) in told(await types(cast.far[who], slug, said(typed)))
    if scene.opens:
        link = LINK.search(told(first))
        assert link is not None
        assert (await cast.far["olga"].opens(link[0])).status == 200

    now = await cast.slug(number)
    length = await cast.acts(now)
    again = await types(cast.far[by], now, line, "n-1")
    assert again.status in (200, 201), again.text
    assert bool(again.json.duplicate) is scene.receipt
    assert again.json.seq == first.json.seq
    assert bool(told(again)) is bool(told(first))
    # What is shown only once is not in a receipt.
    assert not LINK.search(told(again))
    assert await cast.acts(now) == length
    if not scene.ends:
        await witness.tab.leaves()


async def _refuse(cast: Cast, slug: str, scene: Scene, low: str) -> None:
    await cast.room(slug)
    if scene.there:
        await cast.room(f"{slug}-2")
    words = (await types(cast.near["bob"], slug, "one")).json.seq
    line = scene.line.format(room=slug, seq=words)
    if low == "gus":
        await cast.house.sets({"guests_welcome": True}, slug)
        assert await cast.guest_types(slug, line) == scene.refusal
        return
    wanted = (403, scene.refusal)
    if low == "eve":
        # All who may come in may do this; there are those who may not even come in.
        await cast.house.sets({"private": True}, slug)
        wanted = (404, "no_such_room")
    before = await cast.state()
    answer = await types(cast.near[low], slug, line)
    assert (answer.status, answer.refusal.code) == wanted
    assert answer.refusal.message
    assert await cast.state() == before
