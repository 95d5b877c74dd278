"""What holds for all tests."""

import os

from hypothesis import HealthCheck, settings

# The machine's speed is no property of the code: no deadlines. In CI the same examples each time,
# so that a run which fails can be run again; on a user's machine new ones each time.
settings.register_profile(
    "dtms",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("dtms")
