"""The small programs of examples/: run as they stand, against a real house."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from accounts.actions import register
from accounts.tokens import create_token
from examples.answers_sums import answer
from tests.examples.conftest import EXAMPLES, program
from tests.people import House, Person


@pytest.fixture
async def bots(house: House, olga: Person) -> dict[str, dict[str, str]]:
    """The environments of two bots, in a room of their own."""
    await house.room("math", olga)
    made = {}
    for name in ("MathStudent", "MathTeacher"):
        bot = await register(house.node.manager, name, None, is_bot=True)
        token = await create_token(house.node.manager, bot.id)
        made[name] = {"SITE": f"http://127.0.0.1:{house.servers[0].port}", "TOKEN": token}
    return made


async def said(house: House) -> list[str]:
    """What was said in #math."""
    return [text or "" for _, kind, text in await house.log("math") if kind == "message"]


async def test_one_bot_asks_and_the_other_answers(house: House, bots: dict[str, dict[str, str]]) -> None:
    async with program("examples/answers_sums.py", "math", environ=bots["MathTeacher"]) as teacher:
        await teacher.says("listening")
        async with program(
            "examples/asks_sums.py", "math", "4", "20", environ=bots["MathStudent"]
        ) as student:
            assert await student.ends() == 0, student.said
    lines = await said(house)
    assert len(lines) == 12
    for asked, answered, praised in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        assert answered == f"@MathStudent: {answer(asked)}"
        assert praised == "Right, MathTeacher."


async def test_a_wrong_answer_and_none_at_all(
    house: House, bots: dict[str, dict[str, str]], alice: Person
) -> None:
    await alice.enters("math")
    async with program("examples/asks_sums.py", "math", "1", "8", environ=bots["MathStudent"]) as student:
        asked = (await alice.hears("message", by="MathStudent")).text
        await alice.says("@MathStudent: 999")
        assert (await alice.hears("message", by="MathStudent")).text == "That is not it."
        assert (await alice.hears("message", by="MathStudent")).text == f"It was {answer(asked)}."
        assert await student.ends() == 0, student.said


async def test_words_are_never_run(house: House, bots: dict[str, dict[str, str]], alice: Person) -> None:
    await alice.enters("math")
    async with program("examples/answers_sums.py", "math", environ=bots["MathTeacher"]) as teacher:
        await teacher.says("listening")
        for line in (
            "__import__('os').getpid()",
            "1 + 1; 2",
            "9**9**9",
            "1 / 0",
            "(1 + 1)",
            "1234567 * 1",
            "@x: 2",
        ):
            await alice.says(line)
        await alice.says("7 / 2")
        answered = await alice.hears("message", by="MathTeacher")
        assert (answered.text, teacher.process.returncode) == ("@alice: 3.5", None)
        teacher.process.send_signal(signal.SIGINT)
        assert await teacher.ends() == -signal.SIGINT, teacher.said
    assert len([line for line in await said(house) if line.startswith("@alice")]) == 1


async def test_a_sum_is_answered_once_however_often_the_bot_is_started(
    house: House, bots: dict[str, dict[str, str]], alice: Person
) -> None:
    await alice.enters("math")
    async with (
        program("examples/answers_sums.py", "math", environ=bots["MathTeacher"]) as one,
        program("examples/answers_sums.py", "math", environ=bots["MathTeacher"]) as other,
    ):
        await one.says("listening")
        await other.says("listening")
        await alice.says("1 + 1")
        await alice.says("2 + 2")
        await alice.hears("message", text="@alice: 4")
        await alice.says("3 + 3")
        await alice.hears("message", text="@alice: 6")
    assert [line for line in await said(house) if line.startswith("@")] == [
        "@alice: 2",
        "@alice: 4",
        "@alice: 6",
    ]


def test_sums_come_to_what_they_come_to() -> None:
    sums = {
        "1 + 1": "2",
        " 6*7 ": "42",
        "1-5": "-4",
        "1/4": "0.25",
        "-3 - -3": "0",
        "999999*999999": "999998000001",
    }
    assert {asked: answer(asked) for asked in sums} == sums
    assert [answer(text) for text in ("", "1", "1 +", "+ 1", "1 1", "१ + १", "1e3+1", "1 / 0", "0x1+1")] == [
        None
    ] * 9


async def test_what_is_typed_comes_back_and_the_end_of_either_is_the_end(
    house: House, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{house.servers[0].port}/echo"
    async with program("examples/echo.py", url) as client:
        await client.is_told("hello")
        await client.says("{'message': 'hello'}")
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert await client.ends() == 0, client.said
        assert client.said == ["{'message': 'hello'}"]
    async with program("examples/echo.py", url) as client:
        await client.is_told("hello again")
        await client.says("hello again")
        await house.node.let_go()
        assert await client.ends() == 0, client.said
        assert client.said[-1] == "The server has closed."


def test_each_is_short_enough_to_teach() -> None:
    for name, most in (("echo.py", 32), ("asks_sums.py", 40), ("answers_sums.py", 40)):
        lines = (EXAMPLES / name).read_text("utf-8").splitlines()
        assert len([line for line in lines if line.strip()]) <= most, name
