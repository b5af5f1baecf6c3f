"""What can keep a process from starting. The messages are one sentence for the person at the terminal.

Exception
├── CannotStart       a service, a browser, a port: something outside is missing or in the way
└── BadEnvironment    (config/env.py) a variable of the environment cannot be used
"""


class CannotStart(Exception):
    """Something could not be started; the message says what, and what to do."""
