"""All that can be typed: the tables joined, in the order of the menu."""

from chat.commands.command import CommandTable
from chat.commands.moderation import moderation
from chat.commands.rooms import rooms
from chat.commands.talk import talk

COMMANDS = CommandTable.join(moderation, rooms, talk)
