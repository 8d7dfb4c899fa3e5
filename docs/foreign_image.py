"""Draws ``own-scanner-foreign.png`` from an image of the tests' own scanner.

python docs/foreign_image.py write FOLDER        # sample.mdf and pair.mdf
python docs/foreign_image.py draw RECONSTRUCTION  # of pair.mdf, an MDF file
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

from mpi_cascade.mdf import MDFFile, read_images

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

import foreign_scanner

PATH = Path(__file__).with_name("own-scanner-foreign.png")
HALF_MM = 3.2


def draw(path: Path) -> None:
    """Draws the image beside what was scanned, and says both masses."""
    with MDFFile(path) as file:
        image, unit = read_images(file)[0, 0].numpy(), file.text("/_mpi_cascade/concentration_unit")
    points_m, amounts = foreign_scanner.pair(0.5e-3, 0.4e-3, 3.0)
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    scanned, imaged = figure.subplots(1, 2, sharex=True, sharey=True)
    scanned.scatter(*(1e3 * points_m.T), s=1, color="C1")
    scanned.set(title="scanned: 3 mg Fe/ml", xlabel="x / mm", ylabel="y / mm", aspect="equal")
    extent = (-HALF_MM, HALF_MM, -HALF_MM, HALF_MM)
    shown = imaged.imshow(image, origin="lower", extent=extent, cmap="inferno", vmin=0)
    imaged.set(title="image", xlabel="x / mm", xlim=(-0.9, 1.5), ylim=(-1.4, 1.0))
    figure.colorbar(shown, ax=imaged, label=f"tracer concentration in {unit}")
    figure.savefig(PATH, dpi=110)
    pixel_mm2 = (2 * HALF_MM) ** 2 / image.size
    mass, truth = float(image.sum()) * pixel_mm2, float(amounts.sum())
    sys.stdout.write(f"{PATH}: {mass:.3f} of {truth:.3f} mg Fe/ml·mm²\n")


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    if what == "draw":
        draw(place)
    else:
        place.mkdir(parents=True, exist_ok=True)
        foreign_scanner.write_calibration(place / "sample.mdf")
        discs = foreign_scanner.pair(0.5e-3, 0.4e-3, 3.0)
        foreign_scanner.write_scan(place / "pair.mdf", discs)
