"""For all tests: properties take as long as they take, because a busy machine is no counterexample."""

from importlib.util import find_spec

if find_spec("hypothesis"):  # the environments of older clients have none
    from hypothesis import HealthCheck, settings

    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")
