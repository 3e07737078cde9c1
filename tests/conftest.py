"""With ERRORDROPS_NO_SKIP set (as in .ci/run) a skipped test is a failure: nothing is left untested unnoticed.

Tests on a Slurm cluster take minutes and write to /etc: they are left out unless SLURM_TESTS is set (make test-slurm).
Faults that take long to inject are left out unless FAULT_TESTS is set (make test-faults).
"""

import os

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("ERRORDROPS_NO_SKIP"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{reason} (ERRORDROPS_NO_SKIP is set)"


def pytest_collection_modifyitems(config, items):
    slow = {"slurm": "SLURM_TESTS", "faults": "FAULT_TESTS"}
    unwanted = [marker for marker, variable in slow.items() if not os.environ.get(variable)]
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in unwanted)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
