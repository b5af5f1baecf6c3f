"""Research's rows: Run and its journal of Steps; Gap and Evidence; Report, Claim and Share."""

from research.models.findings import Evidence, Gap
from research.models.report import Claim, Report, Share
from research.models.run import Run, Step

__all__ = ["Claim", "Evidence", "Gap", "Report", "Run", "Share", "Step"]
