"""Writes docs/commands.md to the standard output: `python -m chat.commands`."""

import sys

from chat.commands import COMMANDS
from chat.commands.paper import page

sys.stdout.write(page(COMMANDS))
