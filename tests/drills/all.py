"""All drills and benchmarks by name, each with the number of runs that it usually takes."""

from tests.drills import acting, crash, doubt, faults, hostile, people, speed

DRILLS = {
    **crash.DRILLS,
    **faults.DRILLS,
    **people.DRILLS,
    **hostile.DRILLS,
    **doubt.DRILLS,
    **acting.DRILLS,
    **speed.BENCHMARKS,
}
