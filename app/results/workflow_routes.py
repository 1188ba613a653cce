"""The workflow over HTTP: everybody may know the rules they work by (R-011)."""

from fastapi import Response

from app.core.http import router
from app.results.workflow import workflow
from app.results.workflow_picture import picture
from app.results.workflow_schemas import WorkflowOut

routes = router("/meta", "Quy trình · Workflow")


@routes.get("/workflow", response_model=WorkflowOut)
async def read_workflow() -> WorkflowOut:
    """Show every axis with its states, actions, who does them, under which conditions, and what follows."""
    return workflow()


@routes.get(
    "/workflow.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}},
)
async def read_picture() -> Response:
    """Draw the workflow."""
    return Response(picture(workflow()), media_type="image/svg+xml")
