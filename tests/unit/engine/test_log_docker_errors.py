"""What Docker says, as causes with a way out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcdesk.core.errors import ActionKind
from arcdesk.core.settings import ContainerSettings
from arcdesk.engine.docker_errors import explain_docker_error

TEXTS = [
    ("docker_port", "Bind for 0.0.0.0:8001 failed: port is already allocated"),
    ("docker_port", 'Ports are not available: exposing port TCP 0.0.0.0:8001 -> 127.0.0.1:0: listen tcp '
     "0.0.0.0:8001: bind: address already in use."),
    ("docker_port", "failed to bind host port for 0.0.0.0:8001:172.17.0.2:8000/tcp: address already in use"),
    ("docker_device", 'error gathering device information while adding custom device "/dev/dri": no such'),
    ("docker_device", 'could not select device driver "" with capabilities: [[gpu]].'),
    ("docker_permission", "permission denied while trying to connect to the Docker daemon socket at unix:///x"),
    ("docker_permission", "Error while fetching server API version: ('Connection aborted.', "
     "PermissionError(13, 'Permission denied'))"),
    ("docker_group", "Unable to find group render: no matching entries in group file."),
    ("docker_image", "manifest for a/b:9 not found: manifest unknown: manifest unknown"),
    ("docker_image", "pull access denied for a/b, repository does not exist or may require 'docker login'"),
    ("docker_image", '404 Client Error: Not Found ("No such image: a/b:1")'),
    ("docker_rate_limit", "toomanyrequests: You have reached your pull rate limit."),
    ("docker_name", 'Conflict. The container name "/arc" is already in use by container "abc123". You'),
    ("docker_daemon", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
     "daemon running?"),
    ("docker_daemon", "error during connect: open //./pipe/dockerDesktopLinuxEngine: The system cannot find"),
    ("docker_daemon", "failed to create shim task: OCI runtime create failed"),
    ("disk_full", "failed to register layer: write /opt/x: no space left on device"),
    ("docker_error", "something new"),
    ("docker_error", ""),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "text"), TEXTS)
def test_a_text_gets_its_cause_and_a_way_out(cause: str, text: str) -> None:
    problem = explain_docker_error(text)
    assert problem.cause == cause
    assert problem.title
    assert problem.detail
    assert problem.hint
    assert problem.actions
    assert all(action.kind is not ActionKind.SHOW_LOG for action in problem.actions)  # there is no log yet


def test_the_next_port_is_offered() -> None:
    problem = explain_docker_error("Bind for 127.0.0.1:8123 failed: port is already allocated")
    assert problem.title == "Port 8123 is taken"
    assert problem.actions[0].settings == (("host_port", "8124"),)


def test_a_port_that_docker_does_not_name_is_the_one_of_the_settings() -> None:
    problem = explain_docker_error("port is already allocated", ContainerSettings(host_port=9100))
    assert problem.title == "Port 9100 is taken"


def test_the_container_in_the_way_can_be_removed() -> None:
    problem = explain_docker_error('The container name "/arc" is already in use by container "abc123"')
    assert (problem.actions[0].kind, problem.actions[0].target) == (ActionKind.REMOVE_CONTAINER, "abc123")
    assert problem.title == "A container named 'arc' is already there"


def test_an_image_that_is_not_here_can_be_pulled() -> None:
    problem = explain_docker_error("No such image: a/b:1")
    assert (problem.actions[0].kind, problem.actions[0].target) == (ActionKind.PULL_IMAGE, "a/b:1")


@given(st.text(max_size=2000))
def test_any_text_is_taken(text: str) -> None:
    assert explain_docker_error(text, ContainerSettings()).title
