"""Commands that do the day's work, once or until they are stopped.

- `run`: collect, plan and deliver once; collect alone
- `runs`: the progress of a day's run
- `serve`: the web server with the scheduler, workers, and the demonstration
"""
