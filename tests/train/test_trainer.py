"""The loop: it learns, it repeats itself, it goes on where it stopped, it says when it cannot."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
from tests.support.tiny_training import collection, data, options, validator

from embedscope.errors import EmbedscopeError, InvalidOptionError
from embedscope.settings import Initialisation, TrainSettings
from embedscope.train import Progress, train_head
from embedscope.train.head import initial_weight, new_head, projection_of
from embedscope.train.pairs import epoch_order
from embedscope.train.trainer import learning_rate

torch = pytest.importorskip("torch")


class StoppedError(Exception):
    """Ends a run from outside, as an interruption does."""


def states_equal(a: Progress, b: Progress) -> bool:
    """Whether two states agree in every bit of every tensor."""

    def same(x: object, y: object) -> bool:
        if isinstance(x, torch.Tensor):
            return bool(torch.equal(x, y))
        if isinstance(x, dict):
            return x.keys() == y.keys() and all(same(x[k], y[k]) for k in x)
        if isinstance(x, list):
            return len(x) == len(y) and all(map(same, x, y))
        return x == y

    return (
        same(a.head, b.head)
        and same(dict(a.best_head), dict(b.best_head))
        and same(a.optimizer, b.optimizer)
        and (a.epoch, a.step, a.best_epoch) == (b.epoch, b.step, b.best_epoch)
    )


def test_training_lifts_the_validation_metric_and_lowers_both_losses() -> None:
    c = collection(60)
    chosen = options(epochs=15, d_out=12, select="MRR")
    state, record = train_head(data(c), chosen, validator=validator(c, chosen), valid_data=data(c))
    first, last = record.epochs[1], record.epochs[-1]
    assert last.train_loss < first.train_loss
    assert last.valid_loss < record.epochs[0].valid_loss
    assert last.metrics["MRR"].value > max(record.base["MRR"], record.epochs[0].metrics["MRR"].value) + 0.1
    assert state.epoch == 15
    assert [epoch.epoch for epoch in record.epochs] == list(range(16))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_training_on_cuda_follows_that_on_the_cpu_and_its_state_goes_on_there() -> None:
    found, chosen = data(collection(30)), options(select="loss", epochs=3)
    (cpu, on_cpu), (cuda, on_cuda) = (train_head(found, chosen, valid_data=found, device=d) for d in ("cpu", "cuda"))
    for ours, theirs in zip(on_cuda.epochs[1:], on_cpu.epochs[1:], strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-4)
        assert ours.valid_loss == pytest.approx(theirs.valid_loss, rel=1e-4)
    for name, tensor in cuda.head.items():
        torch.testing.assert_close(tensor.cpu(), cpu.head[name], rtol=0, atol=1e-4)
    further, _ = train_head(found, replace(chosen, epochs=4), valid_data=found, resume=cuda, device="cpu")
    assert further.epoch == 4


def test_two_runs_with_one_seed_agree_bit_for_bit_and_another_seed_does_not() -> None:
    found = data(collection(30))
    runs = [train_head(found, options(select="loss", seed=s, init=Initialisation.RANDOM))[0] for s in (1, 1, 2)]
    assert states_equal(runs[0], runs[1])
    assert not states_equal(runs[0], runs[2])


@pytest.mark.parametrize("layernorm", [False, True])
@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_resumed_run_equals_one_that_never_stopped_bit_for_bit(layernorm: bool, stop_after: int) -> None:
    c = collection(30)
    chosen = options(epochs=6, use_layernorm=layernorm, warmup_steps=9, matryoshka=(3,))
    whole, record = train_head(data(c), chosen, validator=validator(c, chosen), valid_data=data(c))
    stopped: list[Progress] = []

    def stop(progress: Progress) -> None:
        stopped.append(progress)
        if progress.epoch == stop_after:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_head(data(c), chosen, validator=validator(c, chosen), valid_data=data(c), on_epoch=stop)
    resumed, again = train_head(data(c), chosen, validator=validator(c, chosen), valid_data=data(c), resume=stopped[-1])
    assert states_equal(whole, resumed)
    assert [replace(e, elapsed_s=0) for e in record.epochs] == [replace(e, elapsed_s=0) for e in again.epochs]


def test_the_number_of_torch_threads_is_put_back_and_changes_nothing() -> None:
    found, before = data(collection(30)), torch.get_num_threads()
    runs = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            runs.append(train_head(found, options(select="loss"))[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert states_equal(*runs)


def test_patience_ends_a_run_that_no_longer_improves() -> None:
    c = collection(30)
    chosen = options(epochs=50, learning_rate=1e-12, patience=3, select="MRR")
    state, record = train_head(data(c), chosen, validator=validator(c, chosen))
    assert state.epoch == 4
    assert state.best_epoch == 1
    assert record.stopped == "MRR has not improved for 3 epochs"


def test_the_best_epoch_is_that_of_the_selected_figure_and_never_the_start() -> None:
    c = collection(30)
    for select in ("MRR", "loss", "violation_rate", "nDCG@10"):
        chosen = options(epochs=5, select=select, learning_rate=0.05)
        state, record = train_head(data(c), chosen, validator=validator(c, chosen), valid_data=data(c))
        trained = record.epochs[1:]
        if select in ("loss", "violation_rate"):
            values = [e.valid_loss if select == "loss" else e.violation_rate for e in trained]
            expected = 1 + values.index(min(values))
        else:
            values = [e.metrics[select].value for e in trained]
            expected = 1 + values.index(max(values))
        assert record.best_epoch == state.best_epoch == expected


def test_the_best_head_is_the_head_of_the_best_epoch() -> None:
    c = collection(30)
    chosen = options(epochs=6, learning_rate=0.3)
    heads = {}
    state, _ = train_head(
        data(c), chosen, validator=validator(c, chosen), on_epoch=lambda p: heads.update({p.epoch: p.head})
    )
    weight = "head.linear.weight"
    assert torch.equal(state.best_head[weight], heads[state.best_epoch][weight])


def test_clipping_bounds_the_first_step_and_zero_clips_nothing() -> None:
    found = data(collection(30))
    norms = {}
    for clip in (0.0, 1e-4):
        _, record = train_head(found, options(epochs=1, select="loss", gradient_clip_norm=clip, weight_decay=0.0))
        norms[clip] = record.epochs[1].gradient_norm
    assert norms[0.0] > 1e-2  # the norm before clipping is reported
    assert norms[1e-4] > 1e-2


def test_an_overflow_ends_the_run_with_what_to_do_and_keeps_the_last_good_state() -> None:
    found = data(collection(30))
    told: list[int] = []
    broken = replace(found, document_vectors=np.full_like(found.document_vectors, np.nan))
    with pytest.raises(EmbedscopeError, match="--learning-rate"):
        train_head(broken, options(select="loss", init=Initialisation.RANDOM), on_epoch=lambda p: told.append(p.epoch))
    assert told == [0]


def test_a_figure_that_is_not_measured_cannot_select() -> None:
    found = data(collection(30))
    with pytest.raises(InvalidOptionError, match="--select MRR is measured on validation"):
        train_head(found, options())
    bare, chosen = collection(30, n_negatives=0), options(select="violation_rate")
    with pytest.raises(InvalidOptionError, match="needs hard negatives"):
        train_head(data(bare), chosen, validator=validator(bare, chosen))


def test_resuming_another_head_or_a_finished_run_is_refused() -> None:
    found = data(collection(30))
    done, _ = train_head(found, options(select="loss"))
    with pytest.raises(InvalidOptionError, match="nothing is left to do"):
        train_head(found, options(select="loss"), resume=done)
    with pytest.raises(InvalidOptionError, match="--d-out"):
        train_head(found, options(select="loss", epochs=9, d_out=5), resume=done)


def test_a_run_resumed_with_another_metric_chooses_among_the_heads_that_are_there() -> None:
    c = collection(30)
    first = options(epochs=5, learning_rate=0.3)
    state, _ = train_head(data(c), first, validator=validator(c, first), valid_data=data(c))
    second = options(epochs=7, learning_rate=0.3, select="nDCG@10")
    resumed, record = train_head(data(c), second, validator=validator(c, second), valid_data=data(c), resume=state)
    assert resumed.best_epoch in (6, 7)  # no epoch before has the figure
    assert any("the best one is chosen from epoch 6 on" in note for note in record.notes)
    third = options(epochs=7, learning_rate=0.3, select="loss")
    resumed, record = train_head(data(c), third, validator=validator(c, third), valid_data=data(c), resume=state)
    losses = {e.epoch: e.valid_loss for e in record.epochs if e.epoch in (state.best_epoch, 5, 6, 7)}
    assert resumed.best_epoch == min(losses, key=lambda epoch: (losses[epoch], epoch))


def test_validation_added_to_a_resumed_run_is_never_held_against_a_training_loss() -> None:
    c, chosen = collection(30), options(epochs=2, select="loss")
    state, _ = train_head(data(c), chosen)
    longer = options(epochs=4, select="loss", learning_rate=0.5)  # validation losses above the training losses before
    resumed, record = train_head(data(c), longer, validator=validator(c, longer), valid_data=data(c), resume=state)
    valid = {epoch.epoch: epoch.valid_loss for epoch in record.epochs if epoch.epoch > 2}
    assert resumed.best_epoch == min(valid, key=lambda epoch: valid[epoch])
    assert any("the best one is chosen from epoch 3 on" in note for note in record.notes)
    by_rank = options(epochs=4)
    resumed, _ = train_head(data(c), by_rank, validator=validator(c, by_rank), valid_data=data(c), resume=state)
    assert resumed.best_epoch in (3, 4)


def test_epochs_that_were_measured_on_other_queries_choose_no_best_epoch() -> None:
    c, chosen = collection(30), options(epochs=3)
    state, _ = train_head(data(c), chosen, validator=validator(c, chosen))
    other, longer = collection(40), options(epochs=5)
    resumed, _ = train_head(data(c), longer, validator=validator(other, longer), resume=replace(state, chosen_from=4))
    assert resumed.best_epoch in (4, 5)


def test_a_run_that_is_out_of_patience_has_nothing_left_to_do() -> None:
    c = collection(30)
    still = {"learning_rate": 1e-12, "patience": 2}
    state, record = train_head(data(c), options(epochs=50, **still), validator=validator(c, options()))
    assert (state.epoch, "has not improved" in record.stopped) == (3, True)
    with pytest.raises(InvalidOptionError, match="--patience 0"):
        train_head(data(c), options(epochs=60, **still), validator=validator(c, options()), resume=state)
    further = options(epochs=5, learning_rate=1e-12)
    assert train_head(data(c), further, validator=validator(c, options()), resume=state)[0].epoch == 5


def test_resuming_changes_nothing_in_the_state_that_it_was_given() -> None:
    found = data(collection(30))
    state, _ = train_head(found, options(epochs=2, select="loss"))
    before = copy.deepcopy(state)
    train_head(found, options(epochs=4, select="loss"), resume=state)
    assert states_equal(state, before)


def test_the_best_head_is_held_against_its_base_on_the_queries_that_chose_it() -> None:
    c = collection(60)
    chosen = options(epochs=6, d_out=12)
    state, record = train_head(data(c), chosen, validator=validator(c, chosen))
    found = record.against_base
    assert found is not None
    best = record.epochs[state.best_epoch].metrics["MRR"].value
    assert found.difference == pytest.approx(best - record.base["MRR"], abs=1e-12)
    assert found.low <= found.difference <= found.high
    assert found.wins + found.losses + found.ties == record.n_valid_queries
    assert train_head(data(c), options(select="loss"))[1].against_base is None


def test_each_matryoshka_prefix_of_the_best_head_is_measured() -> None:
    c = collection(40)
    chosen = options(epochs=3, matryoshka=(3, 1))
    state, record = train_head(data(c), chosen, validator=validator(c, chosen))
    assert list(record.prefixes) == [6, 3, 1]
    assert record.prefixes[6].value == record.epochs[state.best_epoch].metrics["MRR"].value
    weight = state.best_head["head.linear.weight"]
    short = projection_of({"head.linear.weight": weight[:3]})
    assert record.prefixes[3] == validator(c, chosen).measure(short).metrics["MRR"]
    assert train_head(data(c), options(), validator=validator(c, options()))[1].prefixes == {}


def test_progress_counts_pairs_to_the_end() -> None:
    seen = []
    train_head(
        data(collection(30)),
        options(epochs=2, select="loss"),
        progress=lambda done, total, _=None: seen.append((done, total)),
    )
    assert seen[-1] == (60, 60)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


# --- schedule -----------------------------------------------------------------------------------------------------


def test_the_learning_rate_rises_linearly_and_then_stays() -> None:
    chosen = TrainSettings(learning_rate=1.0, warmup_steps=4)
    assert [learning_rate(step, chosen) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert learning_rate(0, TrainSettings(learning_rate=0.3)) == 0.3


def test_the_order_of_an_epoch_is_a_permutation_of_its_own() -> None:
    orders = [epoch_order(20, epoch, TrainSettings()).tolist() for epoch in (1, 2, 1)]
    assert sorted(orders[0]) == list(range(20))
    assert orders[0] == orders[2] != orders[1]


# --- the head -----------------------------------------------------------------------------------------------------


def test_pca_starts_from_the_strongest_directions() -> None:
    found = data(collection(40))
    weight = initial_weight(found, options(d_out=3))
    np.testing.assert_allclose(weight @ weight.T, np.eye(3), atol=1e-5)
    used = np.unique(np.concatenate([found.positives, found.negatives]))
    rows = np.concatenate([found.query_vectors, found.document_vectors[used]]).astype(np.float64)
    variances = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False) ** 2
    kept = ((rows - rows.mean(axis=0)) @ weight.T) ** 2
    assert kept.sum() == pytest.approx(variances[:3].sum(), rel=1e-5)


def test_pca_of_more_directions_than_there_are_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="--init random"):
        initial_weight(data(collection(30)), options(d_out=13))


@pytest.mark.parametrize("layernorm", [False, True])
def test_the_torch_head_and_the_projection_that_evaluates_it_agree(layernorm: bool) -> None:
    found = data(collection(30))
    head = new_head(found, options(use_layernorm=layernorm, init=Initialisation.RANDOM))
    if layernorm:
        torch.nn.init.normal_(head.head.ln.weight)
        torch.nn.init.normal_(head.head.ln.bias)
    with torch.no_grad():
        expected = torch.nn.functional.normalize(head(torch.from_numpy(found.query_vectors)), dim=1).numpy()
    np.testing.assert_allclose(projection_of(head.state_dict()).project(found.query_vectors), expected, atol=1e-6)


def test_parameters_are_named_as_in_the_original_project() -> None:
    head = new_head(data(collection(30)), options(use_layernorm=True))
    assert set(head.state_dict()) == {"head.linear.weight", "head.ln.weight", "head.ln.bias"}
