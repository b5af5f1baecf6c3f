"""All drills and benchmarks by name, each with the number of runs that it usually takes."""

from tests.drills import crash, faults, people, speed

DRILLS = {**crash.DRILLS, **faults.DRILLS, **people.DRILLS, **speed.BENCHMARKS}
