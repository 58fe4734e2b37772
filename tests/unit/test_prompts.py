"""The prompt encoder: what is looked up of a text, and the picture-text judge's ranking."""

import pytest
import torch

from mmdemo.emoji.matching import MatchingJudge, MatchingJudgeConfig
from mmdemo.prompts.encoder import MAX_CHARACTERS, parts, prompt_encoder, rows


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    model = prompt_encoder(buckets=512, dim=8, width=16, out=12).eval()
    torch.nn.init.normal_(model.weight.weight, std=0.5)
    return model


def test_parts_are_words_neighbours_and_pieces():
    found = parts("Red Heart")
    assert {"w:red", "w:heart", "p:red heart", "<red>", "<re", "art>"} <= set(found)
    assert "p:heart red" in parts("heart red") and "p:heart red" not in found


def test_chinese_is_read_by_characters_in_a_row():
    assert {"红", "心", "红心"} <= set(parts("红心")) and "心红" not in parts("红心")


def test_rows_are_the_same_on_every_machine():
    assert rows("cat", 24_576)[:2] == (18878, 3149)  # CRC-32 of "w:cat" and "<ca", plus 1


@torch.no_grad()
def test_vectors_have_unit_mean_square_and_nothing_gives_zeros(encoder):
    out = encoder(["cat", "小猫 and a dog", "", "…", "x" * 10_000])
    assert out[[0, 1, 4]].square().mean(1).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    assert not out[2:4].any()


@torch.no_grad()
def test_a_text_means_the_same_alone_and_beside_longer_ones(encoder):
    together = encoder(["cat", "a very long sentence about a dog and its house"])
    assert torch.allclose(together[:1], encoder(["cat"]), atol=1e-6)


@torch.no_grad()
def test_case_width_and_what_is_beyond_the_limit_do_not_count(encoder):
    long = "cat " * (MAX_CHARACTERS // 4)
    assert torch.equal(encoder(["CAT", long]), encoder(["ｃａｔ", long + "dog"]))


@torch.no_grad()
def test_the_judge_ranks_the_nearest_label_first():
    torch.manual_seed(0)
    judge = MatchingJudge(MatchingJudgeConfig(["cat", "dog", "sun"], ["flat", "round"], dim=8, width=4)).eval()
    x = torch.rand(5, 3, 64, 64)
    vectors, _ = judge(x)
    judge.vectors.copy_(vectors[:3])  # so each of the first three pictures is exactly its label
    scores, styles = judge.read(x)
    assert scores[:3].argmax(1).tolist() == [0, 1, 2] and styles.shape == (5,)
    assert judge.place(["sun", "cat"]).tolist() == [2, 0]
