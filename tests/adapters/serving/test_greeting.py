"""The first words with a server: what it takes is found out, what it is not is said."""

import ssl
from collections.abc import Mapping
from typing import Any

import pytest

from linearity.adapters.serving.address import KEY_VARIABLES, Address
from linearity.adapters.serving.greeting import Greeted, greet
from linearity.contracts.exchanges import Ask
from linearity.errors import EndpointError, InvalidParameterError
from tests.scripted_server import MODEL, Handler, Script, event, good, scripted

PROBE = Ask("a secret prompt", (), 32)


def hello(
    script: Script,
    *,
    model: str = "",
    environ: Mapping[str, str] | None = None,
    seconds: float = 5.0,
) -> Greeted:
    with scripted(script) as url:
        address = Address.of("changed", url, environ or {})
        try:
            return greet(address, model=model, endpoint="completions", probe=PROBE, seconds=seconds)
        finally:
            script.stop.set()


def refusal(script: Script, **how: Any) -> EndpointError:
    with pytest.raises(EndpointError) as refused:
        hello(script, **how)
    error = refused.value
    assert error.data["side"] == "changed"
    assert error.next_step
    assert PROBE.text not in f"{error.message} {error.next_step} {error.data}"
    return error


def test_a_full_server_is_asked_in_full() -> None:
    script = Script(good)

    found = hello(script)

    assert (found.manner.model, found.manner.answers_as, found.software) == (MODEL, MODEL, "us")
    assert (found.manner.counts_usage, found.manner.ignores_end) == (True, True)
    (asked,) = script.asked
    assert asked["max_tokens"] == 4
    assert asked["temperature"] == 0.0


def test_fields_that_a_server_does_not_take_are_left_out() -> None:
    def strict(handler: Handler, body: dict[str, Any]) -> None:
        if "ignore_eos" in body:
            handler.reply(422, {"detail": "Unexpected fields"})
        else:
            good(handler, body)

    manner = hello(Script(strict)).manner

    assert (manner.counts_usage, manner.ignores_end) == (True, False)


def test_the_key_comes_from_the_environment_and_is_never_told() -> None:
    script = Script(good, key="k3y")

    error = refusal(script)
    assert KEY_VARIABLES["changed"] in error.next_step

    wrong = refusal(script, environ={KEY_VARIABLES["changed"]: "other"})
    assert "other" not in f"{wrong.message.replace('another', '')} {wrong.next_step}"

    found = hello(script, environ={KEY_VARIABLES["changed"]: "k3y"})
    assert found.manner.model == MODEL
    assert "k3y" not in repr(Address.of("changed", "http://h", {KEY_VARIABLES["changed"]: "k3y"}))


def test_the_key_of_the_other_side_stays_here() -> None:
    script = Script(good)

    hello(script, environ={KEY_VARIABLES["dense"]: "k3y"})

    assert "Authorization" not in script.headers[0]


def test_a_key_that_is_no_header_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match=KEY_VARIABLES["dense"]):
        Address.of("dense", "http://h", {KEY_VARIABLES["dense"]: "a\nb"})


def test_one_of_several_models_has_to_be_named() -> None:
    script = Script(good, models=[MODEL, "other"])

    assert "changed_model" in refusal(script).next_step
    assert hello(script, model=MODEL).manner.model == MODEL


def test_a_model_that_is_not_served_is_refused_with_those_that_are() -> None:
    def missing(handler: Handler, body: dict[str, Any]) -> None:
        handler.reply(404, {"error": {"message": body["prompt"]}})

    error = refusal(Script(missing), model="elsewhere")

    assert (error.data["failure"], MODEL in error.next_step) == ("status_404", True)


def test_a_page_is_no_server_of_models() -> None:
    assert refusal(Script(good, models=None)).data["failure"] == "not_openai"


def test_a_named_model_needs_no_list() -> None:
    assert hello(Script(good, models=None), model=MODEL).models == ()


def test_answers_that_are_no_stream_are_refused() -> None:
    def whole(handler: Handler, body: dict[str, Any]) -> None:
        handler.reply(200, {"choices": [{"text": "a"}]})

    assert refusal(Script(whole)).data["failure"] == "not_openai"


def test_a_server_that_is_silent_is_given_up() -> None:
    def silent(handler: Handler, body: dict[str, Any]) -> None:
        handler.script.stop.wait(60)

    assert refusal(Script(silent), seconds=0.3).data["failure"] == "timeout"


def test_where_nothing_listens_that_is_said() -> None:
    with scripted(Script(good)) as url:
        address = Address.of("dense", url, {})
    with pytest.raises(EndpointError, match=r"dense server at 127\.0\.0\.1:\d+ .*nothing listens"):
        greet(address, model="", endpoint="completions", probe=PROBE, seconds=5.0)


def test_plain_http_behind_https_is_said() -> None:
    with scripted(Script(good)) as url:
        address = Address.of("dense", url.replace("http:", "https:"), {})
        with pytest.raises(EndpointError, match="does not speak TLS") as refused:
            greet(address, model="", endpoint="completions", probe=PROBE, seconds=5.0)
    assert isinstance(refused.value.__cause__, ssl.SSLError)


def test_another_name_in_the_answers_is_held_to() -> None:
    """A gateway may serve an alias; its answers then have one name from first to last."""

    def alias(handler: Handler, body: dict[str, Any]) -> None:
        handler.begin()
        handler.token(model="real-name", reason="stop")
        handler.send(event("[DONE]"))
        handler.end()

    assert hello(Script(alias)).manner.answers_as == "real-name"
