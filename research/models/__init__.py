"""Research's rows: Run and its journal of Steps; Gap, Exhibit, Evidence and Shot; Report, Claim and Share."""

from research.models.findings import Evidence, Exhibit, Gap, Shot
from research.models.report import STRUCK, Claim, Report, Share
from research.models.run import Run, Step

__all__ = ["STRUCK", "Claim", "Evidence", "Exhibit", "Gap", "Report", "Run", "Share", "Shot", "Step"]
