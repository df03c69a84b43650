"""On one process, the synchronised batch norm is torch's; on several, see tests/distributed."""

import copy

import pytest
import torch
from torch import Tensor, nn

from twinview.compute import processes
from twinview.compute.batch_norm import (
    BatchNorm,
    SplitBatchNorm,
    SyncedBatchNorm,
    split,
    synchronise,
)
from twinview.core.errors import ConfigError


def data(*shape: int) -> Tensor:
    return 3 + 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize(
    ("plain", "shape"),
    [
        (nn.BatchNorm1d(5), (8, 5)),
        (nn.BatchNorm2d(5, momentum=0.3, eps=0.1), (8, 5, 3, 4)),
        (nn.BatchNorm1d(5, affine=False), (8, 5)),
    ],
)
def test_it_is_torch_s_on_one_process(plain: BatchNorm, shape: tuple[int, ...]) -> None:
    plain = plain.double()
    for parameter in plain.parameters():
        nn.init.normal_(parameter)
    synced = SyncedBatchNorm(copy.deepcopy(plain))
    inputs = [data(*shape).requires_grad_() for _ in range(2)]
    for norm, x in zip((plain, synced), inputs, strict=True):
        for _ in range(2):
            norm(x).sin().sum().backward()
    pairs = [(inputs[0].grad, inputs[1].grad), (plain.eval()(inputs[0]), synced.eval()(inputs[0]))]
    pairs += [
        (p.grad, q.grad) for p, q in zip(plain.parameters(), synced.parameters(), strict=True)
    ]
    pairs += list(zip(plain.buffers(), synced.buffers(), strict=True))
    assert all(torch.allclose(a, b, rtol=0, atol=1e-11) for a, b in pairs)  # type: ignore[arg-type]


def test_a_mean_far_from_zero_does_not_cancel() -> None:
    x = (data(64, 5) + 1e4).float()
    found, expected = SyncedBatchNorm(nn.BatchNorm1d(5))(x), nn.BatchNorm1d(5)(x)
    # Float32 keeps 1e4 to 1e-3, of a deviation of 2.
    assert torch.allclose(found, expected, atol=2e-3)


def test_statistics_of_bfloat16_are_float32_s() -> None:
    x = data(64, 5).bfloat16()
    own, plain = SyncedBatchNorm(nn.BatchNorm1d(5)), nn.BatchNorm1d(5)
    assert own(x).dtype == torch.bfloat16
    plain(x.float())
    assert torch.allclose(own.running_mean, plain.running_mean, rtol=0, atol=1e-6)  # type: ignore[arg-type]


def test_several_processes_replace_every_batch_norm_and_keep_names_and_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3), nn.ReLU())).eval()
    before, weights = model.state_dict(), list(model.parameters())
    synchronise(model)
    assert isinstance(model[1][0], nn.BatchNorm1d)  # alone, nothing happens
    monkeypatch.setattr(processes, "world_size", lambda: 2)
    synchronise(model)
    assert isinstance(model[1][0], SyncedBatchNorm) and not model[1][0].training
    assert list(model.state_dict()) == list(before)
    assert all(a is b for a, b in zip(model.parameters(), weights, strict=True))


@pytest.mark.parametrize("shape", [(12, 5), (12, 5, 3, 4)])
def test_in_groups_it_is_torch_s_on_each_group_by_itself(shape: tuple[int, ...]) -> None:
    kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    plain = kind(5, momentum=0.3).double()
    nn.init.normal_(plain.weight)
    own, groups = SplitBatchNorm(copy.deepcopy(plain), 4), [copy.deepcopy(plain) for _ in range(3)]
    x, y = data(*shape).requires_grad_(), data(*shape).requires_grad_()
    found = own(x)
    expected = torch.cat([norm(part) for norm, part in zip(groups, y.split(4), strict=True)])
    found.sin().sum().backward()
    expected.sin().sum().backward()
    assert torch.allclose(found, expected) and torch.allclose(x.grad, y.grad)  # type: ignore[arg-type]
    for name in ("running_mean", "running_var"):
        mean = torch.stack([norm.get_buffer(name) for norm in groups]).mean(0)
        assert torch.allclose(own.get_buffer(name), mean)
    assert torch.allclose(own.eval()(x)[:4], own(x[:4]))


def test_in_one_group_it_is_torch_s() -> None:
    plain = nn.BatchNorm1d(5).double()
    own = SplitBatchNorm(copy.deepcopy(plain), 8)
    x = data(8, 5)
    assert torch.allclose(own(x), plain(x)) and torch.allclose(own.eval()(x), plain.eval()(x))
    assert all(torch.allclose(a, b) for a, b in zip(own.buffers(), plain.buffers(), strict=True))


def test_split_reaches_every_batch_norm_and_keeps_names_and_weights() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3), nn.ReLU()))
    before, weights = model.state_dict(), list(model.parameters())
    split(model, 4)
    assert isinstance(model[1][0], SplitBatchNorm) and list(model.state_dict()) == list(before)
    assert all(a is b for a, b in zip(model.parameters(), weights, strict=True))


def test_a_batch_norm_that_does_more_is_not_replaced_by_one_that_does_less() -> None:
    class WithActivation(nn.BatchNorm2d):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).relu()

    with pytest.raises(
        ConfigError, match=r"has a WithActivation, which can neither be shared .* nor be split"
    ):
        split(nn.Sequential(nn.Sequential(WithActivation(3))), 2)
