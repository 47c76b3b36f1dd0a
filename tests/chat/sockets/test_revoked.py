"""A token that is revoked ends what came in by it, and nothing else."""

from __future__ import annotations

from accounts.tokens import create_token, list_tokens, revoke_token
from tests.people import House, Person, received


async def revoke(house: House, person: Person) -> None:
    """Revoke all tokens of somebody's."""
    node = house.node
    for card in await list_tokens(node.manager, person.id):
        assert await revoke_token(node.manager, node.bus, person.id, card.id)


async def test_a_native_socket_that_came_by_it_ends(alice: Person, house: House) -> None:
    program = await house.program(alice)
    await program.enters()
    await alice.enters()
    await revoke(house, alice)
    assert await program.tab.is_closed() == 4501
    assert program.tab.close_reason == "The token was revoked."
    assert (await alice.says("still here")).seq


async def test_another_token_goes_on(alice: Person, house: House) -> None:
    first = await house.program(alice)
    await first.enters()
    (card,) = await list_tokens(house.node.manager, alice.id)
    second = await house.program(alice)
    await second.enters()
    await revoke_token(house.node.manager, house.node.bus, alice.id, card.id)
    assert await first.tab.is_closed() == 4501
    assert (await second.says("still here")).seq


async def test_to_sign_out_everywhere_is_of_sessions(alice: Person, house: House) -> None:
    program = await house.program(alice)
    await program.enters()
    await alice.enters()
    await alice.fills("/me/sign-out-everywhere", on="/me")
    assert await alice.tab.is_closed() == 4501
    assert (await program.says("still here")).seq


async def test_a_socket_for_all_rooms_ends_too(alice: Person, house: House) -> None:
    token = await create_token(house.node.manager, alice.id)
    stranger = await house.stranger()
    async with stranger.client.ws_connect("/ws") as socket:
        await socket.send_json({"uuid": "1", "action": "authenticate", "token": token})
        while (await socket.receive_json(timeout=30)).get("action") != "authenticate":
            pass
        await revoke(house, alice)
        message = await received(socket)
        assert message.data == 4501
