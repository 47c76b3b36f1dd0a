"""Every refusal: a stable code and a sentence that says what to do next."""

from datetime import UTC, datetime, timedelta

import pytest

from chat import errors, forbidden
from chat.times import FOR_EVER
from helpers.errors import AppError

NOW = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)
SOON = NOW + timedelta(minutes=10)

SAID: list[tuple[AppError, str, str]] = [
    (
        errors.UsageError("/mute @user [10m] [reason]", "/mute @ann 30m off topic"),
        "usage",
        "Usage: /mute @user [10m] [reason]. Example: /mute @ann 30m off topic.",
    ),
    (
        errors.UnknownCommand("kcik", ["kick"]),
        "unknown_command",
        "No command /kcik. Did you mean /kick? Nothing was posted.",
    ),
    (
        errors.UnknownCommand("c", ["clear", "cls", "code"]),
        "unknown_command",
        "No command /c. Did you mean /clear, /cls or /code? Nothing was posted.",
    ),
    (
        errors.UnknownCommand("etc/hosts"),
        "unknown_command",
        "No command /etc/hosts. Nothing was posted. /help lists them.",
    ),
    (
        errors.ConfirmRequired("deletes #lobby for good", "/destroy #lobby 7Q4K"),
        "confirm_required",
        "This deletes #lobby for good. To confirm: /destroy #lobby 7Q4K (60 s).",
    ),
    (errors.ConfirmExpired(), "confirm_expired", "That code has run out. Run the command again."),
    (
        forbidden.Disabled(),
        "disabled",
        "The site admin switched this off. Ask an admin of the site if you need it.",
    ),
    (
        forbidden.NotAllowed("owners", room="lobby", command="clear"),
        "no_permission",
        "Only owners of #lobby can /clear. Ask one of them.",
    ),
    (forbidden.NotAllowed(), "no_permission", "Only moderators can do that. Ask one of them."),
    (
        forbidden.RankTooHigh("ann", "an owner"),
        "rank",
        "@ann is an owner; you can only act on lower ranks. Talk to a site admin.",
    ),
    (errors.ThatIsYou(command="kill"), "self", "That would be you. /kill is for others: name one of them."),
    (errors.ThatIsYou(), "self", "That would be you. This is for others: name one of them."),
    (errors.NotFound("anm", ["ann", "amy"]), "not_found", "Nobody here is called anm. Close: @ann, @amy."),
    (errors.NotFound("zoe"), "not_found", "Nobody here is called zoe. /who lists who is."),
    (
        errors.NotHere("ann", "lobby", "Use /ban to keep them out."),
        "not_in_room",
        "@ann is not in #lobby. Use /ban to keep them out.",
    ),
    (errors.NotHere("ann", "lobby"), "not_in_room", "@ann is not in #lobby. /who lists who is."),
    (errors.Already("@ann is already a moderator."), "already", "@ann is already a moderator."),
    (errors.NotSet("@ann is not muted"), "not_set", "@ann is not muted."),
    (errors.Conflict(), "conflict", "That name is taken. Choose another."),
    (errors.SlugTaken("lobby"), "conflict", "There is a room #lobby already. Choose another name."),
    (
        forbidden.Archived("lobby"),
        "archived",
        "#lobby is archived and read-only. An owner can bring it back: /unarchive.",
    ),
    (
        forbidden.Muted(SOON, reason="links", now=NOW),
        "muted",
        "You are muted until 14:12 UTC (links). Your text is kept. A moderator can let you speak sooner.",
    ),
    (
        forbidden.Banned(NOW + timedelta(days=8), room="lobby", now=NOW),
        "banned",
        "You are banned from #lobby until 28 November. Come back then, or ask a moderator.",
    ),
    (
        forbidden.Banned(FOR_EVER, room="lobby", reason="spam", now=NOW),
        "banned",
        "You are banned from #lobby for ever (spam). Only a moderator can let you back in: ask one.",
    ),
    (
        forbidden.Removed(NOW + timedelta(seconds=41), room="lobby", reason="off topic", now=NOW),
        "removed",
        "You were removed from #lobby (off topic). You may come back in 41 s.",
    ),
    (
        errors.TooFast(11.2, slow_mode=True),
        "rate_limited",
        "Slow mode: you can post again in 12 s. Your text is kept.",
    ),
    (errors.TooFast(0), "rate_limited", "That was too fast: you can post again in 1 s. Your text is kept."),
    (
        errors.TooLong(4_321, 4_000),
        "too_long",
        "4,321 of at most 4,000 characters. Make it shorter or send it in parts.",
    ),
    (
        errors.UndoExpired(SOON, now=NOW),
        "undo_expired",
        "That could be undone until 14:12 UTC; now it stands. Change it by a command of its own: /help lists them.",
    ),
]
PLAIN = [
    errors.LastOwner(),
    errors.NoSuchRoom(),
    forbidden.NotAMember("lobby"),
    errors.BadSlug(),
    errors.ReservedSlug("new"),
    forbidden.Locked("lobby"),
    forbidden.NotVoiced("lobby"),
    errors.Empty(),
    errors.Unreadable(),
    errors.Gone(),
    forbidden.NotYours(),
    errors.NoMessage(),
    errors.EditWindow(3),
    errors.DirectRoom(),
    errors.NoGuest("ann"),
    errors.NoBot("ci"),
    errors.NothingToUndo(),
    errors.NotTheNewest(),
    errors.NonceConflict(),
    errors.Busy(),
    errors.Unavailable(),
]
EVERY = [*(error for error, _, _ in SAID), *PLAIN]


@pytest.mark.parametrize(
    ("error", "code", "text"), SAID, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_refusal_says_what_is_so_and_what_to_do(error: AppError, code: str, text: str) -> None:
    assert (error.code, error.text) == (code, text)


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_a_refusal_is_whole_sentences_without_an_outcry(error: AppError) -> None:
    assert error.text.endswith(".")
    assert not set("!{}") & set(error.text)
    assert 400 <= error.status < 600
    assert error.told()["message"] == error.text


def test_every_refusal_of_a_room_is_tried_here() -> None:
    own = {
        thing
        for module in (errors, forbidden)
        for thing in vars(module).values()
        if isinstance(thing, type) and thing.__module__ == module.__name__
    }
    assert own == {type(error) for error in EVERY}


@pytest.mark.parametrize(
    ("error", "temporary"),
    [(errors.Busy(), True), (errors.Unavailable(), True), (errors.TooFast(3), True), (errors.Gone(), False)],
)
def test_only_what_passes_by_itself_is_temporary(error: AppError, temporary: bool) -> None:
    assert error.told()["temporary"] is temporary
    assert ("retry_after" in error.told()) is temporary


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_only_who_may_not_is_answered_with_403(error: AppError) -> None:
    assert (error.status == 403) is (type(error).__module__ == forbidden.__name__)


def test_the_field_at_fault_is_told() -> None:
    assert errors.TooLong(9, 8, "topic").told()["field"] == "topic"
    assert "field" not in errors.Gone().told()


def test_braces_in_what_people_typed_stay_braces() -> None:
    assert errors.NotFound("{who}").text.startswith("Nobody here is called {who}.")
    assert errors.Already("@{x} is here").text == "@{x} is here."


def test_a_very_long_word_is_shown_short() -> None:
    assert len(errors.UnknownCommand("x" * 4_000).text) < 120
    assert len(errors.NotFound("x" * 4_000).text) < 120
