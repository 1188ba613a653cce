"""The open year of tests/scene, for people who want their data back."""

from tests.scene import connection, open_database, scene

__all__ = ["connection", "open_database", "scene"]
