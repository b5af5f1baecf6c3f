"""All drills and benchmarks by name, each with the number of runs that it usually takes."""

from tests.drills import crash, doubt, faults, people, speed

DRILLS = {**crash.DRILLS, **faults.DRILLS, **people.DRILLS, **doubt.DRILLS, **speed.BENCHMARKS}
