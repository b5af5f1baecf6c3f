from pathlib import Path

import pytest

from config import env


@pytest.fixture
def env_file(tmp_path, monkeypatch):
    """A .env of the test's own; what is read of it is forgotten again."""
    file = tmp_path / "settings.env"
    monkeypatch.setenv("ENV_FILE", str(file))
    env._env_file.cache_clear()
    yield file
    env._env_file.cache_clear()


def test_an_unset_and_an_empty_variable_give_the_default(monkeypatch):
    monkeypatch.delenv("SOME_NAME", raising=False)
    assert env.text("SOME_NAME", "default") == "default"
    monkeypatch.setenv("SOME_NAME", "  ")
    assert env.text("SOME_NAME", "default") == "default"


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("ON", True), ("1", True), ("no", False), ("0", False)]
)
def test_a_flag_reads_the_usual_words(monkeypatch, value, expected):
    monkeypatch.setenv("SOME_FLAG", value)
    assert env.flag("SOME_FLAG") is expected


def test_a_flag_refuses_other_words(monkeypatch):
    monkeypatch.setenv("SOME_FLAG", "maybe")
    with pytest.raises(env.BadEnvironment, match="SOME_FLAG is 'maybe'"):
        env.flag("SOME_FLAG")


@pytest.mark.parametrize("value", ["0", "70000", "many", "1.5", "-1"])
def test_a_number_out_of_bounds_is_refused(monkeypatch, value):
    monkeypatch.setenv("SOME_NUMBER", value)
    with pytest.raises(env.BadEnvironment, match="SOME_NUMBER"):
        env.number("SOME_NUMBER", 8000, least=1, most=65535)


def test_not_a_number_is_refused_where_a_fraction_is_read(monkeypatch):
    monkeypatch.setenv("SOME_NUMBER", "nan")
    with pytest.raises(env.BadEnvironment):
        env.number("SOME_NUMBER", 1.0)


def test_a_secret_is_read_from_its_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("from-the-file\n")
    monkeypatch.setenv("SOME_SECRET_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("SOME_SECRET", "from-the-variable")
    assert env.secret("SOME_SECRET") == "from-the-file"


def test_a_secret_whose_file_is_missing_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_SECRET_FILE", str(tmp_path / "absent"))
    with pytest.raises(env.BadEnvironment, match=r"SOME_SECRET_FILE names .*absent, which cannot be read"):
        env.secret("SOME_SECRET")


def test_a_list_drops_empty_entries(monkeypatch):
    monkeypatch.setenv("SOME_LIST", " a, ,b,")
    assert env.words("SOME_LIST") == ["a", "b"]


def test_a_path_is_made_absolute(monkeypatch):
    monkeypatch.setenv("SOME_PATH", "folder")
    assert env.path("SOME_PATH", Path("/default")) == Path.cwd() / "folder"


def test_an_unknown_time_zone_is_refused(monkeypatch):
    monkeypatch.setenv("SOME_ZONE", "Mars/Olympus")
    with pytest.raises(env.BadEnvironment, match="time zone"):
        env.time_zone("SOME_ZONE", "UTC")


def test_the_env_file_is_read_and_the_environment_goes_before(env_file, monkeypatch):
    env_file.write_text("# a comment\n\nexport FROM_FILE='quoted value'\nIN_BOTH=file\nURL=http://x/?a=b\n")
    monkeypatch.setenv("IN_BOTH", "environment")
    assert env.text("FROM_FILE") == "quoted value"
    assert env.text("IN_BOTH") == "environment"
    assert env.text("URL") == "http://x/?a=b"


def test_an_empty_variable_hides_the_env_file(env_file, monkeypatch):
    env_file.write_text("CHAT_URL=http://localhost:1/v1\n")
    monkeypatch.setenv("CHAT_URL", "")
    assert env.text("CHAT_URL") == ""


def test_a_line_of_the_env_file_that_is_none_is_named(env_file):
    env_file.write_text("GOOD=1\nnot a setting\n")
    with pytest.raises(env.BadEnvironment, match="line 2"):
        env.text("GOOD_OR_NOT")


def test_no_env_file_is_no_error(env_file):
    assert env.text("SOME_ABSENT_NAME", "default") == "default"
