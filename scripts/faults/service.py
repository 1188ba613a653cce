"""The service as it is delivered, over an embedded server that somebody else starts and breaks (DATABASE)."""

import os
import signal

if __name__ == "__main__":
    from app.core import log
    from app.core.config import Settings
    from app.serve import answer

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    log.configure("warning")
    settings = Settings().on_embedded(os.environ["DATABASE"])
    answer(settings)
