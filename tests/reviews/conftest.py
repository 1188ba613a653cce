"""Every test here begins in the open year 2023."""

from tests.scene import brvt, connection, open_database, scene

__all__ = ["brvt", "connection", "open_database", "scene"]
