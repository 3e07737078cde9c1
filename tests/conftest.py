"""With ERRORDROPS_NO_SKIP set (as in .ci/run) a skipped test is a failure: nothing is left untested unnoticed."""

import os

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("ERRORDROPS_NO_SKIP"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{reason} (ERRORDROPS_NO_SKIP is set)"
