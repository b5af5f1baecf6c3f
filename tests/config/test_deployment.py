"""The files for containers, looked at without an engine: what they start exists, what they name is documented."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

from search_index.whose import NAME

TOP = Path(__file__).resolve().parent.parent.parent
COMPOSE = yaml.safe_load((TOP / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "beat", "egress")


def documented():
    return set(re.findall(r"^#?([A-Z_]+)=", (TOP / ".env.example").read_text(), re.MULTILINE))


def variables(text):
    return set(re.findall(r"\$\{([A-Z_]+)", text))


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name):
    command = SERVICES[name]["command"]
    assert all(isinstance(word, str) for word in command), "YAML made something else of a word"
    if command[:2] == ["python", "-m"]:
        assert find_spec(command[2])
    elif command[:2] == ["python", "manage.py"]:
        assert command[2] in get_commands()
    else:
        assert (Path(sys.executable).parent / command[0]).exists()
        assert {"worker", "beat"} & set(command)


def test_every_variable_is_documented():
    used = variables((TOP / "docker-compose.yml").read_text())
    assert used - documented() == set()


def test_every_name_given_to_the_containers_is_read():
    read = {
        name
        for path in (TOP / "config").glob("*.py")
        for name in re.findall(r'env\.\w+\(f?"([A-Z_]+)', path.read_text())
    }
    given = {name for service in OURS for name in SERVICES[service]["environment"]}
    assert given - read == set()


def test_secrets_come_from_outside_and_have_no_default():
    text = (TOP / "docker-compose.yml").read_text()
    for name in ("SECRET_KEY", "DATABASE_PASSWORD", "EGRESS_PASSWORD"):
        assert set(re.findall(rf"\$\{{{name}([^}}]*)\}}", text)) == {":?is in .env.example"}


def test_only_the_door_and_the_model_reach_the_internet():
    ways_out = {
        name
        for name, network in COMPOSE["networks"].items()
        if not network.get("internal")
        and network.get("driver_opts", {}).get("com.docker.network.bridge.enable_ip_masquerade") != "false"
    }
    going_out = {name for name, service in SERVICES.items() if ways_out & set(service["networks"])}
    assert going_out == {"egress", "model"}


def test_searxng_answers_us_in_json_and_goes_out_by_the_door_alone():
    told = yaml.safe_load(COMPOSE["configs"]["searxng"]["content"])
    assert told["use_default_settings"] is True
    assert "json" in told["search"]["formats"]
    assert told["server"] == {"limiter": False}  # or it takes us for a bot
    [door] = told["outgoing"]["proxies"]["all://"]
    name, _colon, rest = door.removeprefix("http://").partition(":")
    assert NAME.fullmatch(name)  # or the door lets nothing pass for it
    assert rest.endswith("@egress:3128")
    assert SERVICES["searxng"]["networks"] == ["inside"]


def test_searxng_does_not_start_without_a_secret():
    assert SERVICES["searxng"]["environment"] == {"SEARXNG_SECRET": None}


def test_only_the_site_is_published():
    assert {name for name, service in SERVICES.items() if service.get("ports")} == {"web"}


def test_every_lasting_service_has_a_health_check():
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"migrate"}


def test_what_is_waited_for_can_be_waited_for():
    for service in SERVICES.values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            else:
                assert SERVICES[name]["restart"] == "no"


def test_images_have_a_version():
    for service in SERVICES.values():
        if "build" not in service:
            assert re.fullmatch(r"[\w./-]+:v?\d+\.[\w.-]+", service["image"])


def test_our_containers_have_no_privileges():
    for name in OURS:
        service = SERVICES[name]
        assert (service["cap_drop"], service["security_opt"], service["read_only"]) == (
            ["ALL"],
            ["no-new-privileges:true"],
            True,
        )


def test_the_image_runs_as_an_ordinary_user_with_what_is_locked():
    lines = (TOP / "Dockerfile").read_text().splitlines()
    assert "USER scenthound" in lines
    assert any("--require-hashes" in line and "requirements.lock" in line for line in lines)


def test_no_secret_gets_into_the_image():
    ignored = (TOP / ".dockerignore").read_text().split()
    assert {".env", "var", ".git"} <= set(ignored)


@pytest.mark.parametrize("name", ["setup", "server", "ask", "test", "lock"])
def test_scripts_can_be_run(name):
    script = TOP / "script" / name
    assert script.stat().st_mode & 0o111
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
