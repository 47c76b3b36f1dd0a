"""Passes: what this site signs for its users, so that they come into the chat under their names. Copy this file."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from django.conf import settings

SECONDS = 120


def sign_pass(user: Any) -> str:
    """A JSON Web Token that says who somebody is here, good for two minutes."""
    now = int(time.time())
    claims = {
        "iss": "school",  # this site
        "sub": str(user.pk),  # who it is here, for ever: never given to anybody else
        "name": user.get_username(),  # what they wish to be called
        "aud": settings.CHAT_AUDIENCE,  # for this chat and no other
        "iat": now,
        "exp": now + SECONDS,
    }
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    signature = hmac.new(settings.CHAT_SECRET.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64(signature)}"


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
