"""The whole suite; it mirrors the packages and runs on servers of its own.

What hypothesis makes up is the same on every run, and may take its time.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "aiochat", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("aiochat")
