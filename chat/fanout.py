"""What happened, as bytes for all who listen: put into words once for each protocol, however many hear it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from chat.events import RecordedEvent
from chat.listeners import Listener, Listeners


def fan_out(events: list[RecordedEvent], everybody: Listeners) -> None:
    """Tell all who listen of events that everybody may see, in one piece; their authors with their nonces."""
    if not events:
        return
    by_author: dict[int, list[int]] = {}
    for place, event in enumerate(events):
        if event.nonce:
            by_author.setdefault(event.by.id, []).append(place)
    authors = {listener for user_id in by_author for listener in everybody.of(user_id)}
    for dialect, listeners in everybody.by_dialect().items():
        frames = [dialect.encode(event) or b"" for event in events]
        blob = b"".join(frames)
        ends = list(itertools.accumulate(map(len, frames)))
        own: dict[int, bytes] = {}
        for listener in listeners:
            if listener in authors:
                user_id = listener.member.user_id
                if user_id not in own:
                    pieces, at = [], 0
                    for place in by_author[user_id]:
                        # All but one's own words is what everybody gets.
                        pieces.append(blob[at : ends[place] - len(frames[place])])
                        pieces.append(dialect.encode_for_author(events[place]) or b"")
                        at = ends[place]
                    own[user_id] = b"".join([*pieces, blob[at:]])
                listener.send(own[user_id])
            elif listener.held is None and blob:
                # Nearly everybody: a step less for each of a thousand is felt.
                listener.connection.send(blob)
            else:
                listener.send(blob)


def fan_out_by_right(event: RecordedEvent, everybody: Listeners) -> None:
    """Tell all who listen of an event that not everybody may see."""
    for dialect, listeners in everybody.by_dialect().items():
        seen, unseen = dialect.encode(event) or b"", dialect.encode_unseen(event) or b""
        for listener in listeners:
            listener.send(seen if listener.sees(event) else unseen)


def encode_for(listener: Listener, event: RecordedEvent) -> bytes | None:
    """An event as this listener is to see it."""
    if not listener.sees(event):
        return listener.dialect.encode_unseen(event)
    if event.nonce and event.by.id == listener.member.user_id:
        return listener.dialect.encode_for_author(event)
    return listener.dialect.encode(event)


def join(frames: Iterable[bytes | None]) -> bytes:
    """Frames as one piece of bytes."""
    return b"".join([frame for frame in frames if frame])
