"""/v1/models as servers really write it."""

from __future__ import annotations

import json

import pytest

from arcdesk.api.openai_client import OpenAIClient
from arcdesk.api.served import read_served_models
from arcdesk.core.errors import AnswerError
from arcdesk.core.models import ServedModel
from arcdesk.core.ports import Endpoint
from tests.fakes.openai_server import OpenAIServer

VLLM = {
    "object": "list",
    "data": [
        {
            "id": "tinyllama",
            "owned_by": "vllm",
            "root": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
            "parent": None,
            "max_model_len": 2048,
        },
        {
            "id": "sql",
            "owned_by": "vllm",
            "root": "/llm/models/sql-lora",
            "parent": "tinyllama",
            "max_model_len": None,
        },
    ],
}


def test_root_parent_and_context_are_read() -> None:
    assert read_served_models(json.dumps(VLLM).encode()) == [
        ServedModel(id="tinyllama", root="TinyLlama/TinyLlama-1.1B-Chat-v1.0", max_model_len=2048),
        ServedModel(id="sql", root="/llm/models/sql-lora", parent="tinyllama"),
    ]


def test_a_server_that_says_little_is_no_error() -> None:
    assert read_served_models(b'{"data":[{"id":"m"}]}') == [ServedModel(id="m")]
    absurd = b'{"data":[{"id":"m","root":7,"parent":[],"max_model_len":-1},{"id":3,"max_model_len":true}]}'
    assert read_served_models(absurd) == [ServedModel(id="m"), ServedModel(id="3")]
    assert read_served_models(b'{"data":[]}') == []


@pytest.mark.parametrize(
    ("meta", "context"),
    [
        ({"n_ctx": 4096, "n_ctx_train": 8192}, 4096),
        ({"n_ctx_train": 8192}, None),  # llama.cpp of 2025: what it serves is not told
        ({"n_ctx": 0}, None),
        ([4096], None),
        (None, None),
    ],
)
def test_the_context_that_llama_cpp_serves_is_read(meta: object, context: int | None) -> None:
    body = json.dumps({"data": [{"id": "m", "meta": meta}]}).encode()
    assert read_served_models(body) == [ServedModel(id="m", max_model_len=context)]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"data":null}', b'{"data":[{}]}', b'{"data":["m"]}', b"[" * 99999]
)
def test_what_is_no_list_of_models_is_none(body: bytes) -> None:
    assert read_served_models(body) is None


async def test_a_real_server_is_asked() -> None:
    client = OpenAIClient()
    async with OpenAIServer() as server:
        endpoint = Endpoint(base_url=server.base_url, model="")
        served = await client.served_models(endpoint)
        assert [model.id for model in served] == await client.list_models(endpoint)
    with pytest.raises(AnswerError):
        await client.served_models(endpoint)
    await client.aclose()
