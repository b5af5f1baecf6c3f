"""All drills and benchmarks by name, each with the number of runs that it usually takes."""

from tests.drills import acting, browsing, crash, doubt, faults, hostile, people, sandbox, speed, ssrf, trap

DRILLS = {
    **crash.DRILLS,
    **faults.DRILLS,
    **people.DRILLS,
    **hostile.DRILLS,
    **doubt.DRILLS,
    **acting.DRILLS,
    **browsing.DRILLS,
    **ssrf.DRILLS,
    **trap.DRILLS,
    **sandbox.DRILLS,
    **speed.BENCHMARKS,
    **browsing.BENCHMARKS,
}
