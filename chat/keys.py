"""Where the application carries this process's node, and what the site is set to."""

from aiohttp import web

from chat.node import Node

NODE = web.AppKey("node", Node)

# Whether guests are welcome in the rooms of a site that is set up now.
GUESTS = web.AppKey("guests", bool)
