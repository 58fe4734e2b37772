"""The transformer's steps written for CPUs against their plain formulas: values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from mmdemo.diffusion import functional as fn

B, HEADS, DIM = 3, 4, 8
RUNS = [4, 5, 1]
N = sum(RUNS)


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def compare(ours, plain, *inputs):
    """Outputs and gradients, to the rounding of sums of a few hundred fp32 numbers."""
    results = []
    for function in (ours, plain):
        leaves = [x.clone().requires_grad_() for x in inputs]
        out = function(*leaves)
        out = out if isinstance(out, tuple) else (out,)
        grads = torch.autograd.grad(out, leaves, [draw(*o.shape) for o in out])
        results.append([*out, *grads])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(b.detach().abs().max()))


def spread(m):
    return m if m.shape[1] == N else m.repeat_interleave(torch.tensor(RUNS), dim=1)


@pytest.mark.parametrize("rows", [len(RUNS), N])
@pytest.mark.parametrize("shift_rows", [len(RUNS), N])
def test_modulation_by_run_and_by_token(rows, shift_rows):
    compare(
        lambda x, scale, shift: fn.modulate(x, scale, shift, RUNS),
        lambda x, scale, shift: x * spread(scale) + spread(shift),
        draw(B, N, 6),
        draw(B, rows, 6),
        draw(B, shift_rows, 6),
    )


def test_modulation_of_a_single_run():
    compare(
        lambda x, scale, shift: fn.modulate(x, scale, shift, [N]),
        lambda x, scale, shift: x * scale + shift,
        draw(B, N, 6),
        draw(B, 1, 6),
        draw(B, N, 6),
    )


@pytest.mark.parametrize("rows", [len(RUNS), N])
def test_modulation_without_gradients(rows):
    x, scale, shift = draw(B, N, 6), draw(B, rows, 6), draw(B, rows, 6)
    expected = x * spread(scale) + spread(shift)
    torch.testing.assert_close(fn.modulate(x, scale, shift, RUNS), expected)


def test_layer_norm():
    compare(fn.layer_norm, lambda x: F.layer_norm(x, x.shape[-1:]), 3 * draw(B, N, 6) + 1)


def plain_qk(qkv, q_weight, k_weight):
    cos, sin = (f(draw(N, DIM // 2)) for f in (torch.cos, torch.sin))
    q, k, v = qkv.reshape(B, N, 3, HEADS, DIM).permute(2, 0, 3, 1, 4)
    pairs = []
    for x, weight in ((q, q_weight), (k, k_weight)):
        x = x / (x.square().mean(-1, keepdim=True) + fn.EPS).sqrt() * weight
        z = torch.complex(x[..., : DIM // 2], x[..., DIM // 2 :]) * torch.complex(cos, sin)
        pairs.append(torch.cat([z.real, z.imag], dim=-1))
    return (*pairs, v)


def test_queries_and_keys_are_normalised_and_turned():
    def ours(qkv, q_weight, k_weight):
        angles = draw(N, DIM // 2)
        return fn.qk_norm_rotary(qkv, q_weight, k_weight, angles.cos(), angles.sin())

    compare(ours, plain_qk, draw(B, N, 3 * HEADS * DIM), 1 + draw(DIM), 1 + 0.5 * draw(DIM))


def test_other_devices_get_the_same(monkeypatch):
    angles, inputs = draw(N, DIM // 2), (draw(B, N, 3 * HEADS * DIM), draw(DIM), 0.5 * draw(DIM))
    x, scale, shift = draw(B, N, 6), draw(B, 3, 6), draw(B, 3, 6)
    fc1, fc2 = torch.nn.Linear(6, 24), torch.nn.Linear(24, 6)

    def all_of_them():
        qkv = fn.qk_norm_rotary(*inputs, angles.cos(), angles.sin())
        modulated = fn.modulate(x.clone(), scale, shift, RUNS)
        return [*qkv, modulated, fn.layer_norm(x), fn.gelu(x.clone()), fn.mlp(x, fc1, fc2)]

    by_hand = all_of_them()
    monkeypatch.setattr(fn, "by_hand", lambda x: False)
    for a, b in zip(by_hand, all_of_them(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_gelu_also_of_more_than_a_piece():
    x = 3 * draw(5, fn.PIECE // 4 + 3)
    torch.testing.assert_close(fn.gelu(x.clone()), F.gelu(x, approximate="tanh"), rtol=1e-5, atol=1e-6)
    assert fn.gelu(torch.tensor([-50.0, 50.0])).tolist() == [0, 50]


def layers(width, hidden, parameters):
    """Two linear layers that hold just these tensors, so that gradients reach them."""
    fc1, fc2 = torch.nn.Linear(width, hidden), torch.nn.Linear(hidden, width)
    for layer, (weight, bias) in zip((fc1, fc2), (parameters[:2], parameters[2:]), strict=True):
        del layer.weight, layer.bias
        layer.weight, layer.bias = weight, bias
    return fc1, fc2


@pytest.mark.parametrize("tokens", [7, fn.ROWS + 5])  # with two samples, one lot of rows or several
def test_mlp_with_and_without_gradients(tokens):
    def ours(x, *parameters):
        return fn.mlp(x, *layers(6, 24, parameters))

    def plain(x, w1, b1, w2, b2):
        return F.linear(F.gelu(F.linear(x, w1, b1), approximate="tanh"), w2, b2)

    inputs = draw(2, tokens, 6), draw(24, 6), draw(24), draw(6, 24), draw(6)
    compare(ours, plain, *inputs)
    with torch.no_grad():
        x = inputs[0].clone()
        torch.testing.assert_close(ours(x, *inputs[1:]), plain(*inputs), rtol=1e-4, atol=1e-4)
        assert torch.equal(x, inputs[0])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_reads_nothing_from_padding(training, dtype):
    q, k, v = (draw(2, HEADS, 6, DIM + i).to(dtype)[..., :DIM] for i in range(3))
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])[:, None, None]
    out = fn.attention(q, k, v, mask, training)
    short = fn.attention(q[1:, :, :, :], k[1:, :, :4], v[1:, :, :4], None, training)
    torch.testing.assert_close(out[1:], short)
    assert not torch.allclose(out[:1], fn.attention(q[:1], k[:1, :, :4], v[:1, :, :4], None, training))
