"""What holds for all tests."""

import os

from hypothesis import HealthCheck, Phase, settings

# The machine's speed is no property of the code: no deadlines. In CI the same examples each time,
# so that a run which fails can be run again; on a user's machine new ones each time.
settings.register_profile(
    "dtms",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
# `make mutants` wants the same examples for each mutant, and only to know whether one fails.
settings.register_profile(
    "mutants",
    parent=settings.get_profile("dtms"),
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile("dtms")
