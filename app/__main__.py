"""What `python -m app` does: it serves.

Processes that look into files apart import this module again, so it imports the service only where it runs it.
"""

import signal
import sys


def main() -> int:
    """Serve until a signal; return the exit status."""
    from app.serve import run

    # Both end the server in order, also where a script started it in the background with interrupts ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
