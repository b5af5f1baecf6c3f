#!/usr/bin/env python3
"""Django's command line. Commands use the services that script/server runs, and start what is missing."""

import sys

import django
from django.core.management import execute_from_command_line

from config import env, services
from config.errors import CannotStart

NEED_NO_DATABASE = (
    *("check", "collectstatic", "diffsettings", "egress", "findstatic", "help", "makemessages", "version"),
    *("make_sandbox", "models", "serve_model"),
)
SEE_TO_MIGRATIONS = ("benchmark", "dbshell", "makemigrations", "migrate", "showmigrations", "sqlmigrate")


def main() -> None:
    env.choose_settings()
    try:
        if len(sys.argv) < 2 or sys.argv[1] in NEED_NO_DATABASE or {"-h", "--help", "--version"} & set(sys.argv):
            execute_from_command_line(sys.argv)
            return
        django.setup()
        with services.running():
            if sys.argv[1] not in SEE_TO_MIGRATIONS:
                services.migrate_if_fresh()
            execute_from_command_line(sys.argv)
    except (env.BadEnvironment, CannotStart) as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
