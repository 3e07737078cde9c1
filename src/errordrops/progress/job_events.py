"""Which of Snakemake's log records mean what for the display."""

import logging
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from .briefing import EVENT
from .display import Display

# said by Snakemake before it begins, of no use to a person who waits
CHATTER = (
    "Assuming unrestricted",
    "Building DAG",
    "Using ",
    "host: ",
    "Config file",
    "Provided ",
    "Conda environments",
    "None",
)
NOTHING = "Nothing to be done"
TERMINATING = ("Terminating processes on user request", "Will exit after finishing")
# of jobs that failed the display has told already
ECHOES = (
    "Exiting because a job execution failed",
    "At least one job did not complete",
    "BUG: Out of jobs",
    "Remaining jobs",
)
JOB_FAILED = "returned non-zero exit status", "died with <Signals"


def take(display: Display, record: Any) -> None:
    """Hand a LogRecord, with what Snakemake adds to it, on to the display, or leave it to Snakemake's own log file."""
    event, text = getattr(record, "event", None), record.getMessage()
    sent: Any = getattr(record, EVENT, None)
    if sent is not None:
        if "asked" in sent:
            display.asked = sent["asked"]
        else:
            display.begin(sent)
    elif event == LogEvent.JOB_INFO:
        wildcards = dict(getattr(record, "wildcards", {}))
        third = wildcards.get("arm") or wildcards.get("figure", "")
        of = wildcards.get("study", ""), third, wildcards.get("seed", "")
        display.start(record.jobid, record.rule_name, of)
    elif event == LogEvent.JOB_FINISHED:
        display.finish(record.job_id)
    elif event == LogEvent.JOB_ERROR:
        display.fail(record.jobid, record.rule_name, record.log or [])
    elif event == LogEvent.ERROR and getattr(record, "exception", "") == "KeyboardInterrupt":
        display.interrupt()
    elif event in (None, LogEvent.ERROR):
        _text(display, record.levelno, text)


def _text(display: Display, level: int, text: str) -> None:
    if text.startswith(NOTHING):
        display.nothing = True
    elif text.startswith(TERMINATING):
        display.interrupt()
    elif level >= logging.ERROR:
        if not any(echo in text for echo in (*ECHOES, *JOB_FAILED)):
            display.refuse(text)
    elif text.strip() and (level >= logging.WARNING or not (display.board or text.startswith(CHATTER))):
        display.say(text)
