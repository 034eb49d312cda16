"""When content is decided, on runs whose truth is known."""

import numpy as np

from content_onset import by_sort, describe, onset


def all_count(agrees):
    return np.ones_like(agrees)


def test_the_onset_is_the_step_from_which_nine_runs_in_ten_agree_for_good():
    agrees = np.zeros((6, 10), bool)
    agrees[1] = True  # agreement that is lost again is none
    agrees[3:, :9] = True
    agrees[5] = True
    assert onset(agrees, all_count(agrees)) == 3
    agrees[4, 0] = False
    assert onset(agrees, all_count(agrees)) == 5


def test_what_agrees_from_the_start_is_decided_at_step_0_and_what_never_does_at_none():
    assert onset(np.ones((4, 3), bool), np.ones((4, 3), bool)) == 0
    assert onset(np.zeros((4, 3), bool), np.ones((4, 3), bool)) is None


def test_runs_without_such_a_fact_do_not_count():
    agrees = np.ones((3, 20), bool)
    agrees[0, :2] = False
    assert onset(agrees, all_count(agrees)) == 0
    counts = np.zeros_like(agrees)
    counts[:, :4] = True
    assert onset(agrees, counts) == 1


def test_an_onset_comes_with_its_interval_timestep_and_log_snr():
    agrees = np.ones((4, 40), bool)
    agrees[:2, :20] = False  # half of the runs are late
    found = describe(agrees, all_count(agrees), [800, 600, 400, 200], [-3.0, -1.0, 1.0, 3.0])
    assert found["onset"]["at"] == {"step": 2, "timestep": 400, "log_snr": 1.0}
    assert found["onset"]["lower"] == found["onset"]["upper"] == found["onset"]["at"]
    assert found["share"] == [0.5, 0.5, 1, 1]
    never = describe(np.zeros((4, 40), bool), all_count(agrees), [800, 600, 400, 200], [-3.0, -1.0, 1.0, 3.0])
    assert set(never["onset"].values()) == {None}


def test_each_sort_of_fact_is_decided_by_itself():
    night, boat, tree = ("time", "night"), ("subject", "boat"), ("subject", "tree")
    autumn = ("season", "autumn")
    steps = [[{night}, {night, tree}], [{night, boat}, {night, tree, autumn}], [{night, boat}, {night, boat}]]
    steps[-1][0] = {night, boat, autumn}
    found = by_sort(steps)
    assert found["time"][0].all() and found["time"][1].all()
    assert found["subject"][0].tolist() == [[False, False], [True, False], [True, True]]
    assert found["season"][1].tolist() == [[True, False], [True, True], [True, False]]
    assert found["season"][0].tolist() == [[False, True], [False, False], [True, True]]
    assert found["all"][0].tolist() == [[False, False], [False, False], [True, True]]
