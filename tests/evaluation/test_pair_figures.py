import torch
from pairs import make_pairs

from mpi_cascade.evaluation.pair_figures import pair_images, pair_profiles
from mpi_cascade.phantoms.rendering import render
from mpi_cascade.phantoms.scenes import PairGeometry, pair_shapes

FIELD_OF_VIEW_M = (6.4e-3, 6.4e-3)


def make_truth(*gaps_mm: float) -> tuple[PairGeometry, torch.Tensor]:
    pairs = make_pairs(*gaps_mm)
    return pairs, render(pair_shapes(pairs), len(gaps_mm), (64, 64), FIELD_OF_VIEW_M)


def test_images_share_one_scale_and_show_the_pairs_at_their_place():
    pairs, truth = make_truth(0.2, 0.5)
    figure = pair_images({"truth": truth, "half": truth / 2}, pairs, FIELD_OF_VIEW_M)
    panels = [axis for axis in figure.axes if axis.images]
    assert len(panels) == 4
    assert {panel.images[0].get_clim() for panel in panels} == {(0.0, 1.0)}
    assert [panel.get_title() for panel in panels[:2]] == ["gap 0.2 mm", "gap 0.5 mm"]
    for panel in panels:
        left, right, bottom, top = panel.images[0].get_extent()
        assert (right - left, top - bottom) == (6.4, 6.4)
        assert panel.images[0].origin == "lower"
    labels = [axis.get_xlabel() for axis in figure.axes] + [
        axis.get_ylabel() for axis in figure.axes
    ]
    assert {"x / mm", "half\ny / mm", "tracer concentration"} <= set(labels)


def test_profiles_are_high_in_the_discs_and_low_between():
    pairs, truth = make_truth(0.1, 0.3, 0.5)
    figure = pair_profiles({"truth": truth, "blur": truth / 3}, pairs, FIELD_OF_VIEW_M)
    (axis,) = figure.axes
    line = next(line for line in axis.lines if line.get_label().startswith("truth"))
    x, y = line.get_data()
    assert abs(y[abs(x - 0.35).argmin()] - 1) < 0.02
    assert abs(y[abs(x).argmin()]) < 0.02
    assert len(figure.legends[0].get_texts()) == 2
