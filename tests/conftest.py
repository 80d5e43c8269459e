"""One hypothesis profile for all tests: no deadline, repeatable in CI, searching elsewhere."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "dati",
    deadline=None,
    max_examples=50,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("dati")
