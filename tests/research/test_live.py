import asyncio
import json

import pytest
from django.conf import settings
from redis.asyncio import Redis

from research import live

pytestmark = pytest.mark.usefixtures("db")  # the services run as long as the database tests do


@pytest.fixture(autouse=True)
def not_silent(monkeypatch):
    monkeypatch.setattr(live, "_silent_until", 0.0)


async def test_a_message_reaches_who_listens_to_the_run():
    async with Redis.from_url(settings.REDIS_URL) as redis, redis.pubsub() as heard:
        await heard.subscribe(live.channel("r"))
        await live.publish("r", {"seq": 3})
        await live.publish("other", {"seq": 4})
        await live.publish("r", {"activity": "Reading"})
        messages = [message async for message in _first(heard, 3)]
    await live.close()
    assert [json.loads(message["data"]) for message in messages[1:]] == [{"seq": 3}, {"activity": "Reading"}]


async def test_pieces_that_come_together_are_sent_together_and_in_order():
    async with Redis.from_url(settings.REDIS_URL) as redis, redis.pubsub() as heard:
        await heard.subscribe(live.channel("r"))
        for message in (
            {"section": "A", "delta": "On"},
            {"section": "B", "delta": "Tw"},
            {"section": "A", "delta": "e"},
            {"section": "B", "delta": "o"},
            {"seq": 7},
            {"section": "A", "delta": "!"},
            {"of": "A", "thinking": "So"},
            {"of": "A", "thinking": "?"},
        ):
            await live.publish("r", message)
        messages = [message async for message in _first(heard, 6)]
    await live.close()
    assert [json.loads(message["data"]) for message in messages[1:]] == [
        {"section": "A", "delta": "One"},
        {"section": "B", "delta": "Two"},
        {"seq": 7},
        {"section": "A", "delta": "!"},
        {"of": "A", "thinking": "So?"},
    ]


async def _first(heard, count):
    for _ in range(count):
        yield await anext(heard.listen())


async def test_a_broker_that_is_down_fails_nothing_and_is_left_alone_for_a_while(settings, caplog):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    await live.publish("r", {"seq": 1})
    for seq in range(2, 100):
        await live.publish("r", {"seq": seq})
        await asyncio.sleep(0.001)
    await live.close()
    assert len(caplog.records) == 1
