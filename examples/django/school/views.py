"""Two views: the page with the chat in it, and the pass that its script asks for."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from school.passes import sign_pass


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The page."""
    return render(request, "home.html", {"socket": settings.CHAT_SOCKET, "room": settings.CHAT_ROOM})


@never_cache
def chat_pass(request: HttpRequest) -> HttpResponse:
    """A pass for whoever is signed in here. Fetched anew for each socket, since it is good for two minutes only."""
    if not request.user.is_authenticated:
        return JsonResponse({"error": "Sign in first."}, status=401)
    return JsonResponse({"token": sign_pass(request.user)})
