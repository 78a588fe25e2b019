"""What a build asks of Ray, by a stand-in for it."""

import sys
from types import ModuleType
from typing import Any

import pytest

from vecsearch import InvalidArgument
from vecsearch.distributed.on_ray import RayEngine


class Cluster(ModuleType):
    """A Ray whose machines have these resources."""

    def __init__(self, *machines: dict[str, float], in_use: bool = False) -> None:
        super().__init__("ray")
        self.machines, self.in_use = machines, in_use
        self.calls: list[str] = []
        self.begun: dict[str, Any] = {}

    def is_initialized(self) -> bool:
        return self.in_use

    def init(self, **how: Any) -> None:
        self.begun = how

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def nodes(self) -> list[dict[str, Any]]:
        gone = {"Alive": False, "Resources": {"CPU": 1.0, "GPU": 1.0}}
        return [*({"Alive": True, "Resources": one} for one in self.machines), gone]

    def cluster_resources(self) -> dict[str, float]:
        kinds = {kind for one in self.machines for kind in one}
        return {kind: sum(one.get(kind, 0) for one in self.machines) for kind in kinds}


def standing(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> Cluster:
    data = ModuleType("ray.data")
    cluster.data = data  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", cluster)
    monkeypatch.setitem(sys.modules, "ray.data", data)
    return cluster


def test_a_ray_in_use_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = standing(monkeypatch, Cluster(in_use=True))
    with pytest.raises(InvalidArgument, match="in use in this process already"), RayEngine():
        pass
    assert cluster.calls == []


def test_ours_is_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = standing(monkeypatch, Cluster({"CPU": 4.0}))
    with RayEngine(workers=3) as engine:
        assert engine.decoders == 1
    assert cluster.begun["num_cpus"] == 3
    assert cluster.calls == ["shutdown"]


@pytest.mark.parametrize(
    ("machines", "decoders"),
    [
        # A head without a GPU lends no processors to those who have one.
        ([{"CPU": 8.0}, {"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0, "GPU": 1.0}], 8),
        ([{"CPU": 64.0, "GPU": 4.0}], 16),
        ([{"CPU": 64.0, "GPU": 4.0}, {"CPU": 8.0, "GPU": 2.0}], 4),
        ([{"CPU": 2.0, "GPU": 4.0}], 1),
    ],
)
def test_a_worker_fits_on_each_machine_with_a_gpu(
    monkeypatch: pytest.MonkeyPatch, machines: list[dict[str, float]], decoders: int
) -> None:
    standing(monkeypatch, Cluster(*machines))
    with RayEngine("auto", gpu=True) as engine:
        assert engine.decoders == decoders


def test_those_who_decode_for_a_gpu_are_not_limited_by_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = standing(monkeypatch, Cluster({"CPU": 64.0, "GPU": 4.0}))
    monkeypatch.setattr("loky.cpu_count", lambda: 64)
    with RayEngine(workers=4, gpu=True):
        pass
    assert cluster.begun["num_cpus"] == 64
