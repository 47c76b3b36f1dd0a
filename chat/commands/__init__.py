"""All that can be typed: the tables joined, in the order of the menu."""

from chat.commands.command import CommandTable
from chat.commands.ignoring import ignoring
from chat.commands.inviting import inviting
from chat.commands.moderation import moderation
from chat.commands.notices import notices
from chat.commands.oneself import oneself
from chat.commands.places import places
from chat.commands.records import records
from chat.commands.rooms import rooms
from chat.commands.site import site
from chat.commands.speech import speech
from chat.commands.statuses import statuses
from chat.commands.talk import talk
from chat.commands.words import words

COMMANDS = CommandTable.join(
    moderation,
    speech,
    records,
    rooms,
    inviting,
    talk,
    words,
    notices,
    statuses,
    ignoring,
    places,
    oneself,
    site,
)
