"""Snakemake's door to errordrops.progress: found by this package's name, chosen by `--logger errordrops`."""

import logging
import sys
from dataclasses import dataclass, field
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    off: bool = field(default=False, metadata={"help": "Show Snakemake's own messages instead of the progress."})


class LogHandler(LogHandlerBase):
    """Progress of the study, or Snakemake's own messages (dry runs, --verbose, --logger-errordrops-off)."""

    def __post_init__(self) -> None:
        asked = self.common_settings
        wanted = ("dryrun", "verbose", "debug_dag", "printshellcmds")
        own = getattr(self.settings, "off", False) or any(getattr(asked, name) for name in wanted)
        self.own = _snakemakes_own(asked) if own else None
        self.display: Any = None if own else _display(asked)

    def emit(self, record: logging.LogRecord) -> None:
        if self.own is not None:
            self.own.handle(record)
            return
        from errordrops.progress.events import take

        try:
            with self.display.lock:
                take(self.display, record)
        except Exception:  # a display never ends what it shows
            self.handleError(record)

    def close(self) -> None:
        if self.display is not None:
            with self.display.lock:
                self.display.end()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        return True

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False


def _display(asked):
    from rich.console import Console

    from errordrops.progress.display import Display

    silent = asked.quiet and any(str(kind).lower().endswith("all") for kind in asked.quiet)
    stream = sys.stdout if asked.stdout else sys.stderr
    console = Console(
        file=stream,
        no_color=asked.nocolor or None,
        highlight=False,
        markup=False,
        emoji=False,
        quiet=bool(silent),
        force_terminal=stream.isatty(),
    )
    return Display(console)


def _snakemakes_own(asked) -> logging.Handler:
    from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

    handler = ColorizingTextHandler(nocolor=asked.nocolor, stream=sys.stdout if asked.stdout else sys.stderr)
    handler.addFilter(DefaultFilter(asked.quiet, asked.debug_dag, asked.verbose, asked.dryrun, asked.printshellcmds))
    handler.setFormatter(DefaultFormatter(asked.quiet, asked.show_failed_logs))
    return handler
