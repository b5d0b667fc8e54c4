"""What a body may say that it is: the spellings of JSON in UTF-8 that clients use, and nothing else."""

from __future__ import annotations

import pytest

from hub.api.media_type import check_json
from hub.errors import HubError
from tests.harness import RunningHub


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="utf-8"',
        'application/json ;\tCharset = "UTF\\-8" ; x=y',
        "application/json; charset=utf8",
        "application/json;charset=US-ASCII",
        "application/json;",
        "application/json;;charset=UTF-8; ",
        'application/json; profile="a;charset=utf-16"',
        "application/json; odata.metadata=none",
    ],
)
def test_json_is_taken_however_it_is_spelt(kind: str) -> None:
    """RFC 9110 section 8.3.1: any case, any parameters, quoted or not."""
    check_json([(b"content-type", kind.encode())])


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        ([], "missing"),
        ([""], "application/json"),
        (["text/plain"], "application/json"),
        (["application/x-www-form-urlencoded"], "application/json"),
        (["application/problem+json"], "application/json"),
        (["application/cloudevents+json"], "application/json"),
        (["application/jsonp"], "application/json"),
        (["application/json, application/json"], "application/json"),
        (["application/json", "application/json"], "two"),
        (["application/json; charset=utf-16"], "UTF-8"),
        (["application/json; charset=latin1"], "UTF-8"),
        (["application/json; charset=utf-8; charset=utf-16"], "UTF-8"),
        (['application/json; charset=""'], "UTF-8"),
        (["application/json charset=utf-8"], "application/json"),
        (["application/json; charset"], "read"),
        (['application/json; charset="utf-8'], "read"),
    ],
)
def test_anything_else_is_refused_in_words(kinds: list[str], word: str) -> None:
    """415 says what is wrong: the type, its absence, its charset, or how it is written."""
    with pytest.raises(HubError) as refused:
        check_json([(b"content-type", kind.encode()) for kind in kinds])
    assert (415, "unsupported_media_type") == (refused.value.status, refused.value.code)
    assert word in refused.value.detail


@pytest.mark.parametrize(
    ("lines", "is_taken"),
    [
        ([""], True),
        (["identity"], True),
        (["Identity, "], True),
        (["gzip"], False),
        (["identity, gzip"], False),
        (["", "br"], False),
        (["deflate"], False),
        (["nonsense"], False),
    ],
)
def test_only_identity_is_a_coding_of_a_body(lines: list[str], is_taken: bool) -> None:
    """RFC 9110 section 8.4: a list, whose `identity` means nothing."""
    headers = [(b"content-type", b"application/json"), *[(b"content-encoding", line.encode()) for line in lines]]
    if is_taken:
        check_json(headers)
        return
    with pytest.raises(HubError) as refused:
        check_json(headers)
    assert (415, "unsupported_content_encoding") == (refused.value.status, refused.value.code)


@pytest.mark.parametrize("path", ["/api/internal/notify", "/api/internal/notify/batch", "/api/internal/disconnect"])
async def test_every_route_with_a_body_judges_alike(hub: RunningHub, path: str) -> None:
    """A compressed body is told which coding will do (RFC 9110 section 15.5.16), another type which type."""
    answer = await hub.http.post(path, content=b"\x1f\x8b", headers=hub.headers({"content-encoding": "gzip"}))
    assert (415, "identity") == (answer.status_code, answer.headers["accept-encoding"])
    answer = await hub.http.post(path, content=b"{}", headers=hub.headers({"content-type": "text/json"}))
    assert (415, "application/json") == (answer.status_code, answer.headers["accept"])
    taken = hub.headers({"content-type": 'Application/JSON; charset="utf-8"'})
    assert 400 == (await hub.http.post(path, content=b"[]", headers=taken)).status_code
