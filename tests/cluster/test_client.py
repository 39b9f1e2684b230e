from __future__ import annotations

from typing import Any

import pytest

from reproduce import worker
from reproduce.cluster import client
from reproduce.errors import ReproduceError
from tests.cluster.common import Done


@pytest.mark.parametrize("lacking", ["training", "evaluation", "keys"])
def test_a_result_of_another_version_is_not_taken(lacking: str) -> None:
    keys = {"training": "a", "evaluation": "b"}
    found: dict[str, Any] = {"files": {}, "provenance": {}, "failure": None, "keys": keys}
    assert client.result(Done(found), None, keys) == worker.Outcome({}, {})
    other = {name: key for name, key in found.items() if name != "keys"}
    if lacking != "keys":
        other["keys"] = keys | {lacking: "of another version"}
    with pytest.raises(ReproduceError, match="a worker has another version of the project: install this one"):
        client.result(Done(other), None, keys)
