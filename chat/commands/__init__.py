"""All that can be typed: the tables joined, in the order of the menu."""

from chat.commands.command import CommandTable
from chat.commands.moderation import moderation
from chat.commands.oneself import oneself
from chat.commands.places import places
from chat.commands.rooms import rooms
from chat.commands.talk import talk
from chat.commands.words import words

COMMANDS = CommandTable.join(moderation, rooms, talk, words, places, oneself)
