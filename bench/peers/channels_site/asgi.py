"""Django Channels with its Redis layer, as its tutorial has it; REDIS_URL names the layer's server."""

from __future__ import annotations

import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [os.environ["REDIS_URL"]], "capacity": 100_000, "expiry": 60},
        }
    },
)
django.setup()

from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402


class Chat(AsyncJsonWebsocketConsumer):
    """One member of a room."""

    async def connect(self):
        self.group = "room" + self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send(self.group, {"type": "said", "text": text_data})

    async def said(self, event):
        await self.send_json({"type": "message", "text": event["text"]})


application = ProtocolTypeRouter({"websocket": URLRouter([re_path(r"^(?P<room>\w+)$", Chat.as_asgi())])})
