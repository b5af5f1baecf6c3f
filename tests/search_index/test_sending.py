"""What scripts of a page may send: searches, not what says that it writes."""

import json

import pytest

from search_index.sending import MOST, refusal

URL = "https://site.example/api/search?page=2"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
JSON = {"content-type": "application/json"}
PARTS = '--x\r\nContent-Disposition: form-data; name="_method"\r\n\r\nPATCH\r\n--x--\r\n'
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


def sent(method="POST", url=URL, headers=JSON, body=b"", document=False):
    return refusal(method, url, headers, body if isinstance(body, bytes) else body.encode(), document=document)


def graphql(query):
    return json.dumps({"query": query, "variables": {"input": "mutation { x }"}})


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET"},
        {"method": "HEAD"},
        {"method": "OPTIONS"},
        {"body": '{"q": "lantern", "filters": ["mutation"]}'},
        {"body": "q=lantern&page=2&action=load_more", "headers": FORM},
        {"body": "x" * MOST, "headers": {"content-type": "text/plain"}},
        {"body": graphql("query Find($q: String) { search(q: $q) { title } }")},
        {"body": graphql("{ gene { mutation { name } } }")},  # a field of that name
        {"body": graphql('query mutation { a(text: "} mutation { b }") { c } }')},
        {"body": graphql("# mutation\nsubscription { a }")},
        {"body": "{not json", "headers": JSON},
        {"headers": {**JSON, "x-http-method-override": "GET"}},
        {"method": "GET", "document": True},
    ],
)
def test_what_asks_is_sent(request_):
    assert sent(**request_) == ""


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"method": "DELETE"}, "DELETE"),
        ({"method": "PUT"}, "PUT"),
        ({"method": "PATCH"}, "PATCH"),
        ({"method": "PURGE"}, "PURGE"),
        ({"method": "delete"}, "DELETE"),
        ({"method": "POST", "document": True}, "POST"),
        ({"method": "OPTIONS", "document": True}, "OPTIONS"),
        ({"headers": {**JSON, "x-http-method-override": "delete"}}, "DELETE"),
        ({"method": "GET", "headers": {"x-method-override": " PUT "}}, "PUT"),
        ({"headers": FORM, "body": "a=1&_method=delete"}, "DELETE"),
        (
            {"headers": MULTIPART, "body": '--x\r\nContent-Disposition: form-data; name="_method"\r\n\r\nPATCH\r\n'},
            "PATCH",
        ),
        ({"url": "https://site.example/items/7?_method=PUT"}, "PUT"),
        ({"body": '{"_method": "DELETE"}'}, "DELETE"),
        ({"url": "https://site.example/cart/add"}, "address"),
        ({"url": "https://site.example/index.php?action=delete&id=7"}, "address"),
        ({"body": b"x" * (MOST + 1)}, "100 kB"),
        ({"body": graphql("mutation { addComment(text: 1) { id } }")}, "mutation"),
        ({"body": graphql("fragment F on T { id }\n# then\nmutation M($a: A = {b: 1}) { x { ...F } }")}, "mutation"),
        ({"body": f"[{graphql('{ a }')}, {graphql('mutation { b }')}]"}, "mutation"),
        ({"body": "mutation { b }", "headers": {"content-type": "application/graphql"}}, "mutation"),
    ],
)
def test_what_writes_is_not(request_, why):
    assert why in sent(**request_)


def test_a_body_of_endless_depth_breaks_nothing():
    assert sent(body="[" * 50_000) == ""
