"""All drills and benchmarks by name, each with the number of runs that it usually takes."""

from tests.drills import crash, doubt, faults, hostile, people, sandbox, speed

DRILLS = {
    **crash.DRILLS,
    **faults.DRILLS,
    **people.DRILLS,
    **hostile.DRILLS,
    **doubt.DRILLS,
    **sandbox.DRILLS,
    **speed.BENCHMARKS,
}
