"""Predictions against a real vLLM: its weights and its cache, within a tenth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from arcdesk.core.fit import FitCard, FitWish, Verdict
from arcdesk.core.fit_formats import VLLM
from arcdesk.core.fit_kv import blocks_in, kv_shape
from arcdesk.core.fit_measured import RunFigures, ratio_of
from arcdesk.core.fit_predict import predict
from arcdesk.core.fit_weights import weights_on_card
from arcdesk.engine.log_facts import read_figures
from arcdesk.storage.fit_model_files import LocalModel, read_model
from tests.rig.containers import MODEL_PATH, docker_client, log, started, wait_until_ready
from tests.rig.docker_engine import DockerEngine
from tests.rig.model_folder import model_folder

pytestmark = pytest.mark.vllm

READY_TIMEOUT_S = 240
ENV = {"MODEL_PATH": MODEL_PATH, "SERVED_MODEL_NAME": "smol", "MAX_MODEL_LEN": "2048", "MAX_NUM_SEQS": "8"}
# The CPU server takes the weights as they are, whatever LOAD_IN_LOW_BIT says.
CPU = replace(VLLM, converts=False)


@pytest.fixture(scope="module")
def said(docker_engine: DockerEngine, vllm_image: str) -> Iterator[RunFigures]:
    """What a whole start of the server told."""
    with docker_client(docker_engine) as client, started(client, vllm_image, ENV, shm_size="1g") as container:
        wait_until_ready(container, timeout_s=READY_TIMEOUT_S)
        yield read_figures(log(container).splitlines())


@pytest.fixture(scope="module")
def model() -> LocalModel:
    """The starter model as vLLM reads it."""
    found = read_model(str(model_folder()))
    assert found is not None and found.config is not None
    return found


def test_weights_from_the_config_alone_are_those_it_loads(said: RunFigures, model: LocalModel) -> None:
    assert model.config is not None
    reckoned = weights_on_card(model.config, None, "fp16", CPU)
    assert reckoned is not None and said.weights_bytes is not None
    assert reckoned.total_bytes == pytest.approx(said.weights_bytes, rel=0.1)
    files = sum(file.stat().st_size for file in Path(model.path).glob("*.safetensors"))
    assert reckoned.total_bytes == pytest.approx(files, rel=0.01)
    indexed = weights_on_card(model.config, model.weights_bytes, "fp16", CPU)
    assert indexed is not None and indexed.total_bytes == pytest.approx(files, rel=0.001)


def test_the_cache_holds_as_many_tokens_as_reckoned(said: RunFigures, model: LocalModel) -> None:
    assert model.config is not None and said.kv_bytes is not None and said.kv_tokens is not None
    shape = kv_shape(model.config, CPU)
    assert shape is not None
    assert blocks_in(said.kv_bytes, shape, CPU) * CPU.block_tokens == pytest.approx(said.kv_tokens, rel=0.1)


def test_a_whole_prediction_of_its_cache(said: RunFigures, model: LocalModel) -> None:
    """A card of just the size that weights, reserve and this cache take is predicted to hold this cache."""
    assert model.config is not None and said.kv_bytes is not None and said.kv_tokens is not None
    wish = FitWish(context=2048, max_num_seqs=8, max_num_batched_tokens=3000, memory_share=1.0)
    roomy = predict(
        model.config, model.weights_bytes, [FitCard(name="memory", total_bytes=2**34)], wish, stack=CPU
    )
    reserve = next(part.size_bytes for part in roomy.parts if part.name == "Reserve")
    assert said.weights_bytes is not None
    card = FitCard(name="memory", total_bytes=said.weights_bytes + reserve + said.kv_bytes)
    fit = predict(model.config, model.weights_bytes, [card], wish, stack=CPU)
    assert fit.verdict is Verdict.FITS and fit.kv_blocks is not None
    assert fit.kv_blocks * CPU.block_tokens == pytest.approx(said.kv_tokens, rel=0.1)


def test_the_run_teaches_that_the_prediction_was_right(said: RunFigures, model: LocalModel) -> None:
    assert model.config is not None
    taught = ratio_of(said, model.config, model.weights_bytes, [], FitWish(), CPU)
    assert taught is not None
    assert taught.weights == pytest.approx(1.0, rel=0.1)
