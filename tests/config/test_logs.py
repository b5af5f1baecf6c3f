import json
import logging

import pytest

from config import env, logs


def record(message, *arguments, level=logging.INFO, **extra):
    made = logging.LogRecord("search_index.crawl", level, __file__, 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def test_a_share_token_is_not_logged():
    line = logs.Pretty().format(record('%s - "GET %s HTTP/1.1" %d', "::1", "/shared/aB3-token_x/evidence/2?a=1", 200))
    assert "aB3-token_x" not in line
    assert "/shared/***/evidence/2" in line


def test_a_password_in_a_url_is_not_logged():
    line = logs.Json().format(record("door at http://scenthound:hidden-word@127.0.0.1:3128 answers"))
    assert "hidden-word" not in line
    assert "http://***@127.0.0.1:3128" in line


def test_an_address_in_a_url_is_not_taken_for_a_password():
    assert logs.redacted("GET https://example.org/@user/page") == "GET https://example.org/@user/page"


def test_a_secret_of_the_environment_is_not_logged_even_in_a_traceback(monkeypatch):
    monkeypatch.setenv("CHAT_KEY", "sk-very-secret-key")
    env.secret("CHAT_KEY")
    try:
        raise ValueError("refused: Bearer sk-very-secret-key")
    except ValueError as error:
        made = record("failed")
        made.exc_info = (type(error), error, error.__traceback__)
    for line in (logs.Pretty().format(made), logs.Json().format(made)):
        assert "refused: Bearer ***" in line
        assert "sk-very-secret-key" not in line


def test_a_secret_that_is_a_part_of_another_leaves_no_rest_of_it(monkeypatch):
    for name, secret in {"EMBED_KEY": "part-of-it", "RERANK_KEY": "the-part-of-it-and-more"}.items():
        monkeypatch.setenv(name, secret)
        env.secret(name)
    assert logs.redacted("Bearer the-part-of-it-and-more, part-of-it.") == "Bearer ***, ***."


def test_json_is_one_object_a_line_with_the_extras():
    line = logs.Json().format(record("two\nlines", level=logging.WARNING, run="42", color_message="\033[31m"))
    assert "\n" not in line
    found = json.loads(line)
    assert (found["level"], found["name"], found["message"], found["run"]) == (
        "WARNING",
        "search_index.crawl",
        "two\nlines",
        "42",
    )
    assert "color_message" not in found


def test_pretty_lines_name_the_level_only_where_it_is_news():
    pretty = logs.Pretty(datefmt="%H:%M:%S")
    assert pretty.format(record("fine")).endswith(" search_index.crawl: fine")
    assert " WARNING search_index.crawl: odd" in pretty.format(record("odd", level=logging.WARNING))


@pytest.mark.parametrize(("form", "expected"), [("pretty", True), ("json", False), ("auto", False)])
def test_the_form_is_json_where_nobody_reads(form, expected, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert logs.is_pretty(form) is expected
