"""Every test here begins in the open year 2023."""

from tests.scene import connection, open_database, scene

__all__ = ["connection", "open_database", "scene"]
