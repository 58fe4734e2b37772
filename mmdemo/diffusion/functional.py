"""The transformer's steps between its matrix products, written for CPUs.

Beside the products, time goes into passes over memory and into every new large tensor (its pages are cleared first).
So these write into one buffer, work through large tensors in pieces that stay in the cache, and save little for the
backward pass. Each equals its plain formula within rounding, gradients too. Other devices get the plain formulas, and
so does `torch.compile`, which fuses them by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-6  # of QK-norm
SLOPE = 2 * math.sqrt(2 / math.pi)  # of the gate in GELU; and its cubic term
CUBIC = SLOPE * 0.044715
PIECE = 2**16  # elements worked on at a time: 256 KiB, half a core's second-level cache
ROWS = 512  # of an MLP, likewise: enough for the products to be fast, few enough for one buffer to do for all


def by_hand(x: Tensor) -> bool:
    """Whether the formulations for CPUs are used for ``x``."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def needs_grad(*tensors: Tensor) -> bool:
    """Whether anything has to be kept for a backward pass."""
    return torch.is_grad_enabled() and any(x.requires_grad for x in tensors)


# ------------------------------------------------------------------------------------------ norm and modulation


def layer_norm(x: Tensor) -> Tensor:
    """Layer norm without weights, (..., C). The CPU kernel is three times as fast with weights of one."""
    width = x.shape[-1:]
    if not by_hand(x):
        return F.layer_norm(x, width)
    one = torch.ones(width, dtype=x.dtype)
    return F.layer_norm(x, width, one, torch.zeros_like(one))


def modulate(x: Tensor, scale: Tensor, shift: Tensor, runs: Sequence[int]) -> Tensor:
    """``x * scale + shift``; ``x`` is overwritten where no gradient is asked for.

    Args:
        x: (B, N, C). scale, shift: (B, N, C), or (B, R, C): a row for all tokens of a run.
        runs: number of tokens of each run, R of them. What a stream's tokens share is so never spread over them.
    """
    x = x.to(scale.dtype)
    if by_hand(x) and not needs_grad(x, scale, shift):
        return _modulate(x, scale, shift, runs, x)
    if by_hand(x) and len(runs) > 1:  # a single run needs no care: its row is spread by broadcasting
        return _Modulate.apply(x, scale, shift, runs)
    if len(runs) > 1:
        lengths = torch.tensor(runs, device=x.device)
        scale, shift = (
            m if m.shape[1] == x.shape[1] else m.repeat_interleave(lengths, dim=1, output_size=x.shape[1])
            for m in (scale, shift)
        )
    return torch.addcmul(shift, x, scale)


def _by_run(m: Tensor, runs: Sequence[int]) -> Sequence[Tensor]:
    """Rows of each run: those of its tokens, (B, n, C), or the one that they share, (B, 1, C)."""
    return m.split(list(runs) if m.shape[1] == sum(runs) else 1, dim=1)


def _modulate(x: Tensor, scale: Tensor, shift: Tensor, runs: Sequence[int], out: Tensor) -> Tensor:
    for parts in zip(*(_by_run(m, runs) for m in (shift, x, scale, out)), strict=True):
        torch.addcmul(*parts[:3], out=parts[3])
    return out


class _Modulate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, runs: Sequence[int]) -> Tensor:
        ctx.save_for_backward(x, scale)
        ctx.runs, ctx.shared_shift = runs, shift.shape[1] != x.shape[1]
        return _modulate(x, scale, shift, runs, torch.empty_like(x))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x, scale), runs = ctx.saved_tensors, ctx.runs
        grads, shared = grad.split(list(runs), dim=1), scale.shape[1] != x.shape[1]
        d_x = torch.empty_like(x)
        for g, s, d in zip(grads, _by_run(scale, runs), d_x.split(list(runs), dim=1), strict=True):
            torch.mul(g, s, out=d)
        d_scale = grad * x
        if shared:
            d_scale = _run_sums(d_scale, runs)
        return d_x, d_scale, _run_sums(grad, runs) if ctx.shared_shift else grad, None


def _run_sums(x: Tensor, runs: Sequence[int]) -> Tensor:
    """(B, N, C) -> (B, R, C)"""
    return torch.cat([part.sum(1, keepdim=True) for part in x.split(list(runs), dim=1)], dim=1)


# ------------------------------------------------------------------------------------------ attention


def qk_norm_rotary(
    qkv: Tensor, q_weight: Tensor, k_weight: Tensor, cos: Tensor, sin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries and keys normalised (RMS, weighted) and rotated to their positions.

    Args:
        qkv: (B, N, 3C). q_weight, k_weight: (D,), D = C / heads. cos, sin: (N, D / 2); channel i and D / 2 + i are
            turned together.

    Returns:
        q, k, v, (B, heads, N, D) each. q and k are worked out in full precision, also under autocast.
    """
    dim = len(q_weight)
    if by_hand(qkv):
        return _QKNormRotary.apply(qkv.unflatten(-1, (3, -1, dim)), q_weight, k_weight, cos, sin)
    q, k, v = qkv.unflatten(-1, (3, -1, dim)).permute(2, 0, 3, 1, 4)  # (B, heads, N, D)
    q = rotate(F.rms_norm(q.float(), (dim,), q_weight, EPS), cos, sin).to(v.dtype)
    k = rotate(F.rms_norm(k.float(), (dim,), k_weight, EPS), cos, sin).to(v.dtype)
    return q, k, v


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs of channels (Su et al. 2021, RoPE): x (B, heads, N, D), cos and sin (N, D / 2)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class _QKNormRotary(torch.autograd.Function):
    """With n = x / rms(x): y = n * (w * [cos, cos]) + swap(n) * swap(w * [sin, -sin]), swap exchanging the halves."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, q_weight: Tensor, k_weight: Tensor, cos: Tensor, sin: Tensor) -> Any:
        qk, v = qkv[:, :, :2].float(), qkv[:, :, 2]  # (B, N, 2, heads, D), (B, N, heads, D)
        dim = qk.shape[-1]
        scale = torch.linalg.vector_norm(qk, dim=-1, keepdim=True).square_().div_(dim).add_(EPS).rsqrt_()
        weight = torch.stack([q_weight, k_weight])  # (2, D)
        turn = (weight * torch.cat([cos, cos], dim=-1)[:, None])[:, :, None]  # (N, 2, 1, D)
        cross = (weight * torch.cat([sin, -sin], dim=-1)[:, None])[:, :, None]
        y = qk * turn
        (a, b), (y_a, y_b), (sin_a, sin_b) = (m.chunk(2, dim=-1) for m in (qk, y, cross))
        y_a.addcmul_(b, sin_b)
        y_b.addcmul_(a, sin_a)
        y.mul_(scale)
        ctx.save_for_backward(qkv, scale, weight, cos, sin)
        q, k = y.to(v.dtype).unbind(2)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        qkv, scale, weight, cos, sin = ctx.saved_tensors
        d_qkv, d_weight = torch.empty_like(qkv), torch.empty_like(weight)
        cos, sin = torch.cat([cos, cos], dim=-1)[:, None], sin[:, None]  # (N, 1, D), (N, 1, D / 2)
        for i in range(2):
            x, r = qkv[:, :, i].float(), scale[:, :, i]  # (B, N, heads, D), (B, N, heads, 1)
            g = grads[i].transpose(1, 2).float()
            d = g * cos  # turned back
            (g_a, g_b), (d_a, d_b) = g.chunk(2, dim=-1), d.chunk(2, dim=-1)
            d_a.addcmul_(g_b, sin)
            d_b.addcmul_(g_a, sin, value=-1)
            product = (d * x).flatten(0, 2)  # (B * N * heads, D)
            d_weight[i] = r.flatten() @ product
            mean = (product @ weight[i]).view_as(r).mul_(r**3).div_(-x.shape[-1])
            d_qkv[:, :, i] = d.mul_(weight[i]).mul_(r).addcmul_(x, mean)
        d_qkv[:, :, 2] = grads[2].transpose(1, 2)
        return d_qkv, d_weight[0], d_weight[1], None, None


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, training: bool) -> Tensor:
    """Softmax attention, (B, heads, N, D) -> the same.

    Args:
        mask: (B, 1, 1, N) bool, False where a key is padding (None: nowhere).
    """
    if training and v.device.type == "cpu" and v.dtype == torch.bfloat16:
        # The backward of the fused kernel takes a third of such a step on cores with bf16 products; this does not.
        logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if mask is not None:
            logits = logits.masked_fill(~mask, -torch.inf)
        return logits.softmax(-1) @ v
    return F.scaled_dot_product_attention(q, k, v, mask)


# ------------------------------------------------------------------------------------------ MLP


def mlp(x: Tensor, fc1: nn.Linear, fc2: nn.Linear) -> Tensor:
    """``fc2(gelu(fc1(x)))``, (B, N, C) -> (B, N, C).

    Some rows at a time, in buffers that stay in the cache. For the backward pass only what goes into the GELU is kept;
    what comes out of it is worked out again, which costs less than to fetch it.
    """
    if not by_hand(x) or x.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
        return fc2(gelu(fc1(x)))
    rows = x.reshape(-1, x.shape[-1])
    parameters = (fc1.weight, fc1.bias, fc2.weight, fc2.bias)
    if needs_grad(x, *parameters):
        return _Mlp.apply(rows, *parameters).view_as(x)
    hidden, out = rows.new_empty(min(ROWS, len(rows)), fc1.out_features), rows.new_empty(len(rows), fc2.out_features)
    for part, y in zip(rows.split(ROWS), out.split(ROWS), strict=True):
        h = torch.addmm(fc1.bias, part, fc1.weight.t(), out=hidden[: len(part)])
        torch.addmm(fc2.bias, gelu(h), fc2.weight.t(), out=y)
    return out.view_as(x)


class _Mlp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        hidden, out = x.new_empty(len(x), len(w1)), x.new_empty(len(x), len(w2))
        active = x.new_empty(min(ROWS, len(x)), len(w1))
        for part, h, y in zip(*(m.split(ROWS) for m in (x, hidden, out)), strict=True):
            torch.addmm(b1, part, w1.t(), out=h)
            torch.addmm(b2, _gelu(h, active[: len(h)]), w2.t(), out=y)
        ctx.save_for_backward(x, hidden, w1, w2)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        x, hidden, w1, w2 = ctx.saved_tensors
        d_x, d_w1, d_w2 = torch.empty_like(x), torch.zeros_like(w1), torch.zeros_like(w2)
        d_b1 = w1.new_zeros(len(w1))
        active, d_hidden = (x.new_empty(min(ROWS, len(x)), len(w1)) for _ in range(2))
        for part, h, g, d in zip(*(m.split(ROWS) for m in (x, hidden, grad, d_x)), strict=True):
            d_h = torch.mm(g, w2, out=d_hidden[: len(h)])
            a = _gelu_backward(d_h, h, active[: len(h)])
            d_w2.addmm_(g.t(), a)
            d_w1.addmm_(d_h.t(), part)
            d_b1 += d_h.sum(0)
            torch.mm(d_h, w1, out=d)
        return d_x, d_w1, d_b1, d_w2, grad.sum(0)


def gelu(x: Tensor) -> Tensor:
    """GELU in its tanh form (Hendrycks & Gimpel 2016); ``x`` is overwritten where no gradient is asked for.

    On CPUs written x * sigmoid(...): half the time of a tanh.
    """
    if not by_hand(x) or x.dtype != torch.float32 or needs_grad(x):
        return F.gelu(x, approximate="tanh")
    return _gelu(x, x)


def _gelu(x: Tensor, out: Tensor) -> Tensor:
    for part, y in zip(_pieces(x), _pieces(out), strict=True):
        torch.mul(part, _gelu_gate(part), out=y)
    return out


def _gelu_backward(grad: Tensor, x: Tensor, out: Tensor) -> Tensor:
    """GELU of x again, into ``out``; and its gradient, in place of that of what came out of it."""
    for g, part, y in zip(_pieces(grad), _pieces(x), _pieces(out), strict=True):
        # With the gate s: d(x s) = s + x s (1 - s) z', and z' = SLOPE + 3 CUBIC x^2.
        gate = _gelu_gate(part)
        torch.mul(part, gate, out=y)
        slope = torch.addcmul(torch.tensor(SLOPE, dtype=torch.float32), part, part, value=3 * CUBIC).mul_(y)  # x s z'
        g.mul_(slope.addcmul_(slope, gate, value=-1).add_(gate))
    return out


def _gelu_gate(x: Tensor) -> Tensor:
    """What GELU multiplies x by: (1 + tanh(z)) / 2 = sigmoid(2z)."""
    return torch.addcmul(torch.tensor(SLOPE, dtype=torch.float32), x, x, value=CUBIC).mul_(x).sigmoid_()


def _pieces(x: Tensor) -> Iterator[Tensor]:
    """Views of a contiguous tensor, one after another."""
    yield from x.view(-1).split(PIECE)
