"""Starting a training from a checkpoint of the same shape, of a narrower one, and of one that does not fit."""

from __future__ import annotations

import pytest
import torch
from small import SMALL, saved

from mmdemo.errors import InputError
from mmdemo.tokenizers import build_tokenizer
from mmdemo.training.warm_start import warm_start


def wider(**bottleneck):
    torch.manual_seed(1)
    return build_tokenizer("image", {**SMALL["image"], "bottleneck": {**SMALL["image"]["bottleneck"], **bottleneck}})


def test_same_shape_is_taken_over_whole(tmp_path):
    name = saved(tmp_path, "image")
    model = wider()
    assert warm_start(model, tmp_path) == []
    assert model.bottleneck.initialized, name
    x = torch.rand(1, 3, 16, 16)
    other = wider()
    warm_start(other, tmp_path)
    assert torch.equal(model(x).y, other(x).y)


def test_a_wider_latent_gives_at_first_what_the_narrow_one_gave(tmp_path):
    saved(tmp_path, "image")
    narrow, wide = wider(), wider(dim=7, levels=3)
    warm_start(narrow, tmp_path)
    grown = warm_start(wide, tmp_path)
    assert {"bottleneck.codebooks", "encoder.7.weight", "project_out.weight"} <= set(grown)
    assert not wide.bottleneck.initialized  # its codebooks start by k-means on the new latents
    x = torch.rand(2, 3, 24, 16)
    z, z_wide = narrow.to_latent(x), wide.to_latent(x)
    assert torch.allclose(z, z_wide[:, :4], atol=1e-6)
    assert z_wide[:, 4:].std() > 0  # new channels carry something, or they would never be learned
    y, y_wide = (m.from_latent(latent, torch.tensor([2, 1])) for m, latent in ((narrow, z), (wide, z_wide)))
    assert torch.allclose(y, y_wide, atol=1e-5)


@pytest.mark.parametrize("changed", [{"dim": 3}, {"codebook_size": 8}])
def test_a_start_that_is_too_wide_is_refused(tmp_path, changed):
    saved(tmp_path, "image")
    with pytest.raises(InputError, match="narrower"):
        warm_start(wider(**changed), tmp_path)


def test_another_architecture_is_refused(tmp_path):
    saved(tmp_path, "image")
    with pytest.raises(InputError, match="architecture"):
        warm_start(build_tokenizer("audio", SMALL["audio"]), tmp_path)


def test_fresh_parts_begin_anew_whatever_their_shape(tmp_path):
    saved(tmp_path, "image")
    begun, drawn = wider(), wider()
    assert warm_start(begun, tmp_path, ["decoder"], ["gone"]) == [
        k for k in sorted(drawn.state_dict()) if k.startswith("decoder.")
    ]
    old, new = wider(), drawn.state_dict()
    warm_start(old, tmp_path)
    for name, value in begun.state_dict().items():
        assert torch.equal(value, new[name] if name.startswith("decoder.") else old.state_dict()[name]), name


def test_a_part_that_no_model_has_cannot_begin_anew(tmp_path):
    saved(tmp_path, "image")
    with pytest.raises(InputError, match="no part 'decodr' to begin anew; did you mean 'decoder'"):
        warm_start(wider(), tmp_path, ["decodr"])


def test_a_single_tensor_can_begin_anew(tmp_path):
    saved(tmp_path, "image")
    model = wider()
    own = model.project_out.weight.clone()
    warm_start(model, tmp_path, ["project_out.weight"])
    assert torch.equal(model.project_out.weight, own) and not torch.equal(
        wider().project_out.bias, model.project_out.bias
    )
