"""Tokens: counted by whoever can, estimated with care, and counted only where the estimate does not decide."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from config.endpoints import Endpoint
from research.errors import RunFailed
from research.prompts import Prompt
from research.reasoning import server
from research.reasoning.client import Client
from research.reasoning.tokens import Tokens, tokenizer
from tests.fakes.model_server import ModelServer

TEXT = "Sharks swim far. " * 100  # 300 words, 1,700 bytes: 567 tokens by the plain estimate


class Counter:
    """Counts words, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, piece: str) -> int | None:
        self.asked += 1
        return len(piece.split())


@pytest.fixture
def tokenizer_json(tmp_path: Path) -> Path:
    words = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    words.pre_tokenizer = WhitespaceSplit()
    words.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


@pytest.mark.parametrize(
    ("room", "fits", "asked"),
    [
        (2000, True, 0),  # far from the limit
        (600, True, 1),
        (310, True, 1),  # the estimate says no
        (290, False, 1),
        (200, False, 0),
    ],
)
async def test_tokens_are_counted_only_near_the_limit(room: int, fits: bool, asked: int) -> None:
    count = Counter()
    assert await Tokens("server", count).fit([TEXT], room) is fits
    assert count.asked == asked


async def test_a_piece_is_counted_once() -> None:
    count = Counter()
    tokens = Tokens("server", count)
    await tokens.exact(["You pick.", TEXT])
    assert await tokens.exact(["You pick.", "One more."]) == 4
    assert count.asked == 3


async def test_an_estimate_learns_from_what_the_server_counted() -> None:
    tokens = Tokens()
    assert await tokens.fit([TEXT], 400) is False
    tokens.saw([TEXT], 300)
    assert await tokens.fit([TEXT], 400) is True
    tokens.saw([TEXT], 900)  # the longest of late counts: another language, say
    assert await tokens.fit([TEXT], 900) is False
    for _ in range(20):
        tokens.saw([TEXT], 300)
    assert await tokens.fit([TEXT], 400) is True


async def test_a_tiny_prompt_teaches_nothing() -> None:
    tokens = Tokens()
    tokens.saw(["Write one word."], 40)  # most of it the chat template's
    assert tokens.scale == 1


async def test_a_counter_that_fails_is_given_up() -> None:
    async def broken(_piece: str) -> None:
        return None

    tokens = Tokens("server", broken)
    assert await tokens.fit([TEXT], 600) is True
    assert tokens.how == "estimate"


async def test_a_tokenizer_is_found_as_a_file_or_in_the_model_s_folder(tokenizer_json: Path) -> None:
    for places in ([str(tokenizer_json)], ["", str(tokenizer_json.parent)]):
        count = tokenizer(*places)
        assert count is not None
        assert await count("Sharks swim\nfar and wide.") == 5
    assert tokenizer("", "a-model-by-name") is None


async def test_the_server_counts_where_it_can(endpoints: dict[str, Endpoint], model_server: ModelServer) -> None:
    model_server.counts_tokens = True
    at = await server.server(endpoints["reader"])
    assert at.tokens.how == "server"
    assert await at.tokens.exact(["Sharks swim far."]) == 3


async def test_a_tokenizer_that_is_named_is_used_and_a_wrong_one_says_so(
    tokenizer_json: Path, model_server: ModelServer
) -> None:
    at = await server.server(Endpoint(model_server.url, "", "", tokenizer=str(tokenizer_json)))
    assert at.tokens.how == "tokenizer"
    with pytest.raises(RunFailed, match="CHAT_TOKENIZER"):
        await server.server(Endpoint(model_server.url, "", "", tokenizer=str(tokenizer_json.parent / "none.json")))
    tokenizer_json.write_text("{}")
    with pytest.raises(RunFailed, match="CHAT_TOKENIZER"):
        await server.server(Endpoint(model_server.url, "other", "", tokenizer=str(tokenizer_json)))
    await server.close()


async def test_a_model_in_a_folder_tells_its_context_and_its_tokens(
    tokenizer_json: Path, model_server: ModelServer
) -> None:
    """As `transformers serve FOLDER` serves it: the name of the model is the folder's, and nothing is listed."""
    folder = tokenizer_json.parent
    (folder / "config.json").write_text('{"max_position_embeddings": 2048}')
    model_server.models[:] = []
    at = await server.server(Endpoint(model_server.url, str(folder), ""))
    assert (at.window, at.window_from, at.tokens.how) == (2048, "folder", "tokenizer")
    at = await server.server(Endpoint(model_server.url, str(folder), "", context=1024))
    assert (at.window, at.window_from) == (1024, "settings")
    await server.close()


async def test_a_prompt_fits_by_its_real_length(endpoints: dict[str, Endpoint], model_server: ModelServer) -> None:
    model_server.counts_tokens = True
    client = Client(endpoints)
    room = await client.room("reader", "note")
    words = "a " * (room - 10)  # two bytes a token: by the plain estimate far less than it is
    assert await client.fits("reader", "note", Prompt("", words * 1)) is True
    long = "internationalisation " * (room - 10)  # seven tokens a word by the estimate
    assert await client.fits("reader", "note", Prompt("", long[: 3 * room])) is True
