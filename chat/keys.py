"""Where the application carries this process's node."""

from aiohttp import web

from chat.node import Node

NODE = web.AppKey("node", Node)
