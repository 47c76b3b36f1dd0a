"""What was found, three ways: a table in the terminal, JSON for programs, and the paper with its chart."""

from __future__ import annotations

import json
import platform
import textwrap
from pathlib import Path
from typing import Any

from bench.chart import Bar, Panel, svg
from bench.contestants import KEEPS, OURS, Contestant
from bench.fanout import ONE_HUNDRED, WHOLE, median
from bench.phase import Goal, Outcome, Table, told
from bench.servers import CORES, HERE, ROOT

RESULTS = HERE / "results.json"
PAPER = ROOT / "docs/performance.md"
CHART = ROOT / "docs/performance.svg"
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"
GOALS = ["", "goal", "measured", ""]


def text(outcomes: dict[str, Outcome]) -> str:
    """For the terminal."""
    lines: list[str] = []
    for name, outcome in outcomes.items():
        lines += ["", name, "=" * len(name)]
        for table in outcome.tables:
            lines += ["", table.title, *_aligned(table)]
        if outcome.goals:
            lines += ["", *_aligned(_goals(outcome.goals))]
        lines += ["", *(line for note in outcome.notes for line in textwrap.wrap(note, 110))]
    met, all_ = _met(outcomes)
    lines += ["", f"{met} of {all_} goals met."]
    return "\n".join(lines)


def write_json(outcomes: dict[str, Outcome], how: str) -> None:
    """Every number of every run."""
    found: dict[str, Any] = {
        "how": how,
        "machine": _machine(),
        "phases": {
            name: {
                "goals": [
                    {
                        "what": g.what,
                        "goal": g.wanted,
                        "measured": g.measured,
                        "unit": g.unit,
                        "verdict": g.verdict,
                    }
                    for g in outcome.goals
                ],
                "notes": outcome.notes,
                "raw": outcome.raw,
            }
            for name, outcome in outcomes.items()
        },
    }
    RESULTS.write_text(json.dumps(found, indent=1), "utf-8")


def write_paper(outcomes: dict[str, Outcome], contestants: dict[str, Contestant], how: str) -> None:
    """The part of docs/performance.md that is measured, and its chart."""
    lines = [BEGIN, "", f"Measured by `{how}` on {_machine()}.", ""]
    met, all_ = _met(outcomes)
    lines += [f"{met} of {all_} goals met.", ""]
    panels = _panels(contestants)
    if panels:
        CHART.write_text(svg(panels, f"Measured by {how} on {_machine()}."), "utf-8")
        lines += [f"![{' and '.join(panel.title for panel in panels)}]({CHART.name})", ""]
    for name, outcome in outcomes.items():
        lines += [f"## {name}", ""]
        if outcome.goals:
            lines += [*_markdown(_goals(outcome.goals)), ""]
        for table in outcome.tables:
            lines += [f"{table.title}:", "", *_markdown(table), ""]
        lines += [line for note in outcome.notes for line in (*textwrap.wrap(note, 118), "")]
    lines.append(END)
    paper = PAPER.read_text("utf-8") if PAPER.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    before, _, rest = paper.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAPER.write_text(before + "\n".join(lines) + after, "utf-8")


def _panels(contestants: dict[str, Contestant]) -> list[Panel]:
    work = [
        Bar(each.name, 1e6 / used, each.name == OURS)
        for each in contestants.values()
        if (used := median(each, ONE_HUNDRED, "cpu_us"))
    ]
    kept = [
        Bar(f"{load.name}, {name}", found, name == OURS)
        for load in WHOLE
        for name in (OURS, "naive")
        if (found := median(contestants[OURS if name == OURS else KEEPS], load, "messages_s"))
    ]
    panels = []
    if work:
        work.sort(key=lambda bar: -bar.value)
        panels.append(
            Panel("Fan-out in one room of 100", "deliveries for one second of processor time", work)
        )
    if kept:
        short = [
            Bar(bar.label.replace("50 members, ", "").replace(" senders each", ""), bar.value, bar.ours)
            for bar in kept
        ]
        panels.append(Panel("Messages kept on disk and told to all", "a second", short))
    return panels


def _goals(goals: list[Goal]) -> Table:
    return Table("", GOALS, [[g.what, g.wanted, told(g.measured, g.unit), g.verdict] for g in goals])


def _aligned(table: Table) -> list[str]:
    rows = [table.columns, *table.rows]
    widths = [max(len(row[at]) for row in rows) for at in range(len(table.columns))]
    return [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _markdown(table: Table) -> list[str]:
    head = f"| {' | '.join(table.columns)} |"
    rule = f"|---|{'---:|' * (len(table.columns) - 1)}"
    return [head, rule, *(f"| {' | '.join(row)} |" for row in table.rows)]


def _met(outcomes: dict[str, Outcome]) -> tuple[int, int]:
    goals = [goal for outcome in outcomes.values() for goal in outcome.goals]
    return sum(goal.is_met for goal in goals), len(goals)


def _machine() -> str:
    return f"{len(CORES)} cores ({_processor()}), {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
