"""When content is decided, on runs whose truth is known."""

import numpy as np

from content_onset import by_sort, describe, onset


def test_the_onset_is_the_step_from_which_nine_runs_in_ten_agree_for_good():
    agrees = np.zeros((6, 10), bool)
    agrees[1] = True  # agreement that is lost again is none
    agrees[3:, :9] = True
    agrees[5] = True
    assert onset(agrees) == 3
    agrees[4, 0] = False
    assert onset(agrees) == 5


def test_what_agrees_from_the_start_is_decided_at_step_0():
    assert onset(np.ones((4, 3), bool)) == 0


def test_an_onset_comes_with_its_interval_timestep_and_log_snr():
    agrees = np.ones((4, 40), bool)
    agrees[:2, :20] = False  # half of the runs are late
    found = describe(agrees, [800, 600, 400, 200], [-3.0, -1.0, 1.0, 3.0])
    assert found["onset"]["at"] == {"step": 2, "timestep": 400, "log_snr": 1.0}
    assert found["onset"]["lower"] == found["onset"]["upper"] == found["onset"]["at"]
    assert found["share"] == [0.5, 0.5, 1, 1]


def test_each_sort_of_fact_is_decided_by_itself():
    night, boat, tree = ("time", "night"), ("subject", "boat"), ("subject", "tree")
    steps = [[{night}, {night, tree}], [{night, boat}, {night, tree}], [{night, boat}, {night, boat}]]
    found = by_sort(steps)
    assert found["time"].all()
    assert found["subject"].tolist() == [[False, False], [True, False], [True, True]]
    assert found["all"].tolist() == found["subject"].tolist()
