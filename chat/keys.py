"""Where the application carries this process's node, and what the site is set to."""

from aiohttp import web

from chat.node import Node
from helpers.throttle import Buckets

NODE = web.AppKey("node", Node)

# How often each address may knock at a hook.
KNOCKS = web.AppKey("knocks", Buckets)

# Whether people may come without an account; the first room of a site that is set up now is open to them then.
GUESTS = web.AppKey("guests", bool)
