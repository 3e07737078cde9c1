"""A study: its file and the checks of it, arms, schedules, the plan of runs. Pure arithmetic, without torch."""
