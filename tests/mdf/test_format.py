"""Files that this package writes, read with h5py alone after the format's text (v2.1.0)."""

import h5py
import numpy as np
import pytest
import torch
from mdf_files import FLAGS

from mpi_cascade.mdf import write_reconstruction, write_scans, write_system_matrix
from mpi_cascade.physics.forward import ForwardModel
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner

SCANNER = Scanner(
    num_ffp_x=4, num_ffp_y=3, harmonics=(3, 5), particle=Particle(relaxation_time_s=1e-6)
)
IMAGE_SHAPE = (5, 6)
J, C, K, D, F, A = 12, 1, 2, 1, 1, 1
STRING = h5py.string_dtype()

# Field: type, shape; the format's mandatory fields and those that are optional but written.
GENERAL = {
    "/time": (STRING, ()), "/uuid": (STRING, ()), "/version": (STRING, ()),
    "/study/description": (STRING, ()), "/study/name": (STRING, ()),
    "/study/number": (np.int64, ()), "/study/uuid": (STRING, ()),
    "/experiment/description": (STRING, ()), "/experiment/isSimulation": (np.int8, ()),
    "/experiment/name": (STRING, ()), "/experiment/number": (np.int64, ()),
    "/experiment/subject": (STRING, ()), "/experiment/uuid": (STRING, ()),
    "/tracer/batch": (STRING, (A,)), "/tracer/concentration": (np.float64, (A,)),
    "/tracer/name": (STRING, (A,)), "/tracer/solute": (STRING, (A,)),
    "/tracer/vendor": (STRING, (A,)), "/tracer/volume": (np.float64, (A,)),
    "/scanner/facility": (STRING, ()), "/scanner/manufacturer": (STRING, ()),
    "/scanner/name": (STRING, ()), "/scanner/operator": (STRING, ()),
    "/scanner/topology": (STRING, ()),
    "/acquisition/gradient": (np.float64, (J, 1, 3, 3)),
    "/acquisition/numAverages": (np.int64, ()), "/acquisition/numFrames": (np.int64, ()),
    "/acquisition/numPeriodsPerFrame": (np.int64, ()),
    "/acquisition/offsetField": (np.float64, (J, 1, 3)), "/acquisition/startTime": (STRING, ()),
    "/acquisition/drivefield/baseFrequency": (np.float64, ()),
    "/acquisition/drivefield/cycle": (np.float64, ()),
    "/acquisition/drivefield/divider": (np.int64, (D, F)),
    "/acquisition/drivefield/numChannels": (np.int64, ()),
    "/acquisition/drivefield/phase": (np.float64, (J, D, F)),
    "/acquisition/drivefield/strength": (np.float64, (J, D, F)),
    "/acquisition/drivefield/waveform": (STRING, (D, F)),
    "/acquisition/receiver/bandwidth": (np.float64, ()),
    "/acquisition/receiver/numChannels": (np.int64, ()),
    "/acquisition/receiver/numSamplingPoints": (np.int64, ()),
    "/acquisition/receiver/unit": (STRING, ()),
}  # fmt: skip
MEASUREMENT = {
    **{f"/measurement/{flag}": (np.int8, ()) for flag in FLAGS},
    "/measurement/frequencySelection": (np.int64, (K,)),
}


def grid(group):
    return {
        f"/{group}/fieldOfView": (np.float64, (3,)),
        f"/{group}/fieldOfViewCenter": (np.float64, (3,)),
        f"/{group}/order": (STRING, ()),
        f"/{group}/size": (np.int64, (3,)),
    }


@pytest.fixture(scope="module")
def matrix():
    return ForwardModel(SCANNER, IMAGE_SHAPE).matrix()


@pytest.fixture(scope="module")
def files(tmp_path_factory, matrix):
    folder = tmp_path_factory.mktemp("mdf")
    notes = {"command": "a command"}
    write_scans(folder / "scans.mdf", torch.ones(2, *SCANNER.signal_shape), SCANNER, notes)
    write_system_matrix(folder / "matrix.mdf", matrix, SCANNER, IMAGE_SHAPE, 3e-4, notes=notes)
    images = torch.arange(90.0).reshape(3, 1, *IMAGE_SHAPE)
    write_reconstruction(folder / "images.mdf", images, SCANNER, True, notes)
    return folder


@pytest.mark.parametrize(
    ("name", "special"),
    [
        (
            "scans",
            {
                **MEASUREMENT,
                "/measurement/data": (np.complex64, (2, J, C, K)),
                "/measurement/isBackgroundFrame": (np.int8, (2,)),
            },
        ),
        (
            "matrix",
            {
                **MEASUREMENT,
                **grid("calibration"),
                "/measurement/data": (np.complex64, (J, C, K, 30)),
                "/measurement/isBackgroundFrame": (np.int8, (30,)),
                "/calibration/deltaSampleSize": (np.float64, (3,)),
                "/calibration/isMeanderingGrid": (np.int8, ()),
                "/calibration/method": (STRING, ()),
            },
        ),
        ("images", {**grid("reconstruction"), "/reconstruction/data": (np.float32, (3, 30, 1))}),
    ],
)
def test_a_file_has_every_field_in_the_type_and_shape_of_the_format(files, name, special):
    found = {}
    with h5py.File(files / f"{name}.mdf") as file:
        file.visititems(
            lambda path, item: (
                found.update({f"/{path}": (item.dtype, item.shape)})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    own = {path for path in found if path.startswith("/_")}
    assert own == {"/_mpi_cascade/version", "/_mpi_cascade/scanner", "/_mpi_cascade/command"}
    assert {path: found[path] for path in found.keys() - own} == GENERAL | special


def test_complex_numbers_are_compounds_of_r_and_i(files):
    with h5py.File(files / "scans.mdf") as file:
        stored = file["measurement/data"].id.get_type()
        assert [stored.get_member_name(i) for i in range(stored.get_nmembers())] == [b"r", b"i"]


def test_the_acquisition_says_how_the_narrowband_scanner_scans(files):
    with h5py.File(files / "matrix.mdf") as file:
        drive, receiver = file["acquisition/drivefield"], file["acquisition/receiver"]
        assert drive["baseFrequency"][()] / drive["divider"][0, 0] == 25e3
        assert drive["cycle"][()] == 1 / 25e3
        # A sine a quarter of a period ahead is a cosine.
        assert np.all(drive["phase"][()] == np.pi / 2)
        assert np.all(drive["strength"][()] == 4e-3)
        assert receiver["bandwidth"][()] == 25e3 * receiver["numSamplingPoints"][()] / 2
        # The format counts from 1, from the mean on: harmonic n is component n + 1.
        assert file["measurement/frequencySelection"][()].tolist() == [4, 6]
        assert file["measurement/isFastFrameAxis"][()] == 1
        assert file["experiment/isSimulation"][()] == 1
        assert file["version"].asstr()[()] == "2.1.0"
        gradient, offset_t = file["acquisition/gradient"][()], file["acquisition/offsetField"][()]
    assert np.trace(gradient[0, 0]) == 0
    # The field vanishes at the FFP: G·r_F + offset = 0, x first.
    ffp_m = -np.linalg.solve(gradient[:, 0], offset_t[:, 0, :, None])[..., 0]
    assert ffp_m[:4, 0] == pytest.approx([-2.4e-3, -0.8e-3, 0.8e-3, 2.4e-3])
    assert ffp_m[::4, 1] == pytest.approx([-6.4e-3 / 3, 0, 6.4e-3 / 3], abs=1e-18)


def test_the_system_matrix_times_an_image_is_its_signal(files):
    """With the voxels in the order of the format, x first."""
    image = torch.rand(1, 1, *IMAGE_SHAPE)
    signal = ForwardModel(SCANNER, IMAGE_SHAPE)(image)[0].reshape(K, 2, J)
    with h5py.File(files / "matrix.mdf") as file:
        system_matrix = file["measurement/data"][()]
        assert file["calibration/size"][()].tolist() == [6, 5, 1]
        assert file["calibration/fieldOfView"][()][:2].tolist() == [6.4e-3, 6.4e-3]
    product = system_matrix[:, 0] @ image.numpy().ravel()
    expected = torch.complex(signal[:, 0], signal[:, 1]).numpy().T
    assert product == pytest.approx(expected, abs=1e-5 * float(np.abs(expected).max()))


def test_images_have_x_first(files):
    with h5py.File(files / "images.mdf") as file:
        assert file["reconstruction/size"][()].tolist() == [6, 5, 1]
        assert file["reconstruction/data"][1, :, 0].tolist() == list(range(30, 60))
