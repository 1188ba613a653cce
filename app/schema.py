"""Every table of the service, for the migrations: importing this module imports all models."""

from app.accounts import models as accounts
from app.catalogue import models as catalogue
from app.core import audit, repetition
from app.core.db import Base
from app.councils import models as councils
from app.evidence import models as evidence
from app.figures import models as figures
from app.notifications import models as notifications
from app.periods import models as periods
from app.results import models as results
from app.reviews import models as reviews
from app.submissions import models as submissions
from app.units import models as units

metadata = Base.metadata
__all__ = [
    "accounts",
    "audit",
    "catalogue",
    "councils",
    "evidence",
    "figures",
    "metadata",
    "notifications",
    "periods",
    "repetition",
    "results",
    "reviews",
    "submissions",
    "units",
]
