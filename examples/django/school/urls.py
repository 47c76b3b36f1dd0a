"""Every address of the site."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from school import views

urlpatterns = [
    path("", views.home, name="home"),
    path("chat/pass", views.chat_pass, name="chat_pass"),
    path("login", LoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
]
