"""One hypothesis profile for all tests: no deadline, and the same examples every time, as everything else here."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "dati",
    deadline=None,
    max_examples=50,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("dati")
