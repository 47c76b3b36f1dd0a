"""A small Django site. What concerns the chat stands at the end; all of it comes from the environment."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent

DEBUG = True
SECRET_KEY = os.environ.get("SCHOOL_SECRET_KEY", "only-to-try-it")
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "school.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SCHOOL_DATABASE", HERE.parent / "school.sqlite3"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ]
        },
    }
]
STATIC_URL = "static/"
STATICFILES_DIRS = [HERE / "static"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# The chat: where its socket is, which room this page shows, and the secret both sites know (AIOCHAT_PASS_SECRET there).
CHAT_SOCKET = os.environ.get("SCHOOL_CHAT_SOCKET", "ws://localhost:8080/ws")
CHAT_ROOM = os.environ.get("SCHOOL_CHAT_ROOM", "lobby")
CHAT_SECRET = os.environ.get("SCHOOL_CHAT_SECRET", "")
CHAT_AUDIENCE = os.environ.get("SCHOOL_CHAT_AUDIENCE", "aiochat")
