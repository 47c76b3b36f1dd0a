"""The result of a run as a table, for people and for the docs."""

from __future__ import annotations

from collections import Counter

from chaos.book import Book
from chaos.checker import Findings


def table(book: Book, found: Findings, seconds: float) -> str:
    """Markdown: what was broken how often, and what came of it."""
    lines = ["| fault | times | longest until all was well again, s |", "|---|---:|---:|"]
    for fault, times in sorted(book.faults.items()):
        lines.append(f"| {fault} | {times} | {book.recovery[fault]:.1f} |")
    lines += [f"| {fault} | not tried: {why} | |" for fault, why in sorted(book.untried.items())]
    longest = max(book.recovery.values(), default=0)
    lines.append(f"| **all** | **{sum(book.faults.values())}** | **{longest:.1f}** |")
    lines += ["", "For a wire it is how long its client was away, whatever else was broken meanwhile."]
    kept = [
        ("requests sent", len(book.sent)),
        ("acknowledged", book.acked),
        ("of these at a repeat", book.repeated),
        ("refused for good", sum(1 for sent in book.sent.values() if sent.refused)),
        ("entries in PostgreSQL", found.entries),
        ("entries compared in clients' logs", found.compared),
        ("**lost**", found.lost),
        ("**doubled**", found.doubled),
        ("resumed without a gap", book.resumes["recovered"]),
        ("told to reload", book.resumes["reloaded"]),
        *sorted(book.seen.items()),
    ]
    lines += ["", "| what | count |", "|---|---:|", *(f"| {name} | {count:,} |" for name, count in kept)]
    waits = (
        f"Longest wait for an acknowledgement {book.longest_ack:.1f} s",
        f"for any answer, behind one's own earlier requests, {book.longest_answer:.1f} s",
        f"longest absence of one client {book.longest_away:.1f} s",
        f"whole run {seconds:.0f} s.",
    )
    lines += [
        "",
        ", ".join(waits),
        f"Closes seen: {_counted(book.closes)}.",
        f"Refusals seen: {_counted(book.errors)}.",
    ]
    if found.wrong:
        lines += [
            "",
            f"**{len(found.wrong)} things are wrong:**",
            *(f"- {each}" for each in found.wrong[:60]),
        ]
    else:
        lines += ["", "Nothing is wrong."]
    return "\n".join(lines)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} × {count}" for name, count in sorted(counter.items())) or "none"
