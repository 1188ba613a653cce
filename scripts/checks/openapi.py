"""The committed OpenAPI document and picture of the workflow: write them, or check that they are what the code says."""

import json
import sys
from pathlib import Path

from openapi_spec_validator import validate
from pydantic import SecretStr

from app.core.config import Settings
from app.main import create_app
from app.results.workflow import workflow
from app.results.workflow_picture import picture

FOLDER = Path(__file__).parents[2] / "openapi"


def document() -> str:
    """Return the OpenAPI document as it is committed."""
    app = create_app(Settings(database_url=SecretStr("postgresql://unused/unused")))
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Write both, or with --check compare them and validate the document."""
    present = {FOLDER / "api.json": document(), FOLDER / "workflow.svg": picture(workflow())}
    if "--check" not in arguments:
        for file, text in present.items():
            file.write_text(text, encoding="utf-8")
        return 0
    validate(json.loads(present[FOLDER / "api.json"]))
    for file, text in present.items():
        if file.read_text(encoding="utf-8") != text:
            name = f"openapi/{file.name}"
            print(
                f"{name} differs from the code: run scripts/openapi, look at the difference", file=sys.stderr
            )
            return 1
    print("openapi: valid, and as committed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
