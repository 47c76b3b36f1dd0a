"""A refusal that a person can read and a program can act on: raised where it is known, told once, at the door."""

from typing import Any, ClassVar


class AppError(Exception):
    """Something asked for was refused.

    `code` is stable and for programs, `message` is a sentence for people with places for the facts,
    `status` is what HTTP answers, `temporary` says that the same request may succeed later unchanged.
    The facts `field` (which part of the request is at fault) and `retry_after` (seconds) are told to programs as well.
    """

    code: ClassVar[str] = "refused"
    message: ClassVar[str] = "That is not possible."
    status: ClassVar[int] = 400
    temporary: ClassVar[bool] = False

    def __init__(self, **facts: Any) -> None:
        super().__init__(self.code)
        self.facts = facts

    @property
    def text(self) -> str:
        """The sentence, with its facts in place."""
        return self.message.format(**self.facts)

    def __str__(self) -> str:
        return self.text

    def told(self) -> dict[str, Any]:
        """As every door tells it: `code`, `message`, `temporary`, and `field` and `retry_after` where known."""
        told: dict[str, Any] = {"code": self.code, "message": self.text, "temporary": self.temporary}
        for fact in ("field", "retry_after"):
            if fact in self.facts:
                told[fact] = self.facts[fact]
        return told
