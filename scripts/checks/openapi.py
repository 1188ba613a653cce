"""The committed OpenAPI document: write it, or check that it is what the code says and valid."""

import json
import sys
from pathlib import Path

from openapi_spec_validator import validate
from pydantic import SecretStr

from app.core.config import Settings
from app.main import create_app

FILE = Path(__file__).parents[2] / "openapi/api.json"


def document() -> str:
    """Return the document as it is committed."""
    app = create_app(Settings(database_url=SecretStr("postgresql://unused/unused")))
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write the document, or with --check compare and validate it."""
    present = document()
    if "--check" not in arguments:
        FILE.write_text(present, encoding="utf-8")
        return 0
    validate(json.loads(present))
    if FILE.read_text(encoding="utf-8") != present:
        print(
            "openapi/api.json differs from the code: run scripts/openapi and look at the difference",
            file=sys.stderr,
        )
        return 1
    print("openapi: valid, and as committed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
