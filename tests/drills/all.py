"""All drills by name, each with the number of runs that it usually takes."""

from tests.drills import crash, faults, people

DRILLS = {**crash.DRILLS, **faults.DRILLS, **people.DRILLS}
