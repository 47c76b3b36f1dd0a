"""`python -m chaos`: break the site for a quarter of an hour, and say what came of it."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

import click
import uvloop

from chaos.run import Plan, run
from chaos.table import table

LONG = Plan(seed=1, entries=104_000, rounds=3, wire_faults=500, sawn=400, minutes=True, pace=6.0)
SHORT = Plan(
    seed=1,
    entries=1_500,
    heavy_faults=6,
    wire_faults=24,
    rooms=3,
    persons=3,
    speed=150.0,
    pace=30.0,
    patience=3.0,
    durable=False,
)


@click.command()
@click.option("--seed", type=int, default=1, help="The same seed breaks the same things in the same order.")
@click.option("--short", is_flag=True, help="Half a minute instead of a quarter of an hour.")
@click.option("--entries", type=int, help="How much is said and done.")
@click.option("--faults", type=int, help="How many faults touch everybody, by chance.")
@click.option("--only", multiple=True, help="Only this fault; may be given several times.")
@click.option("--write", type=click.Path(path_type=Path), help="Write the table there too.")
def main(
    seed: int, short: bool, entries: int | None, faults: int | None, only: tuple[str, ...], write: Path | None
) -> None:
    """Start the site, break it, and hold every client's log against PostgreSQL."""
    plan = replace(SHORT if short else LONG, seed=seed, only=only)
    plan = replace(plan, entries=entries or plan.entries)
    if faults is not None:
        plan = replace(plan, heavy_faults=faults, sawn=0, minutes=False)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    book, found, seconds = uvloop.run(run(plan))
    told = table(book, found, seconds)
    click.echo(told)
    if write is not None:
        write.write_text(told + "\n", "utf-8")
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
