"""Files with any one or two fields replaced by anything: read, or refused in one sentence.

Bytes are not changed here: HDF5 itself does not survive every damaged byte, whoever calls it.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mdf_files import (
    NUM_CHANNELS,
    NUM_COMPONENTS,
    NUM_PERIODS,
    calibration_fields,
    measured_fields,
    write_hdf5,
)

from mpi_cascade.checks import InputError
from mpi_cascade.mdf import MDFFile
from mpi_cascade.measured import MeasuredMatrix, read_measured
from mpi_cascade.physics.particle import Particle
from mpi_cascade.physics.scanner import Scanner

NUMBERS = st.one_of(
    hnp.scalar_dtypes().filter(lambda dtype: dtype.kind in "biufc"),
    st.sampled_from([np.dtype(kind) for kind in ("i1", "i8", "f4", "f8", "c8")]),
)
ARRAYS = NUMBERS.flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6)
    )
)
SPECIAL = st.sampled_from(
    [None, "", "V", "2.0", "zyx", 0, 1, -1, 2**62, 1e300, np.nan, np.inf, np.int8(1), np.int8(0)]
)


SCANNER = Scanner(
    num_ffp_x=2, num_ffp_y=1, field_of_view_x_m=0.02, field_of_view_y_m=0.04,
    particle=Particle(relaxation_time_s=1e-6),
)  # fmt: skip
OPTIONS = st.fixed_dictionaries(
    {
        "min_snr": st.sampled_from([0.0, 0.5]),
        "frequencies_hz": st.sampled_from([(0.0, np.inf), (1e5, 1.5e5)]),
        "is_whitened": st.booleans(),
        "is_denoised": st.booleans(),
        "is_sample_corrected": st.booleans(),
    }
)


MANY_EXAMPLES = settings(
    max_examples=100, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def system_matrix_fields():
    """A calibration with all that a measured forward model can use."""
    shape = (NUM_PERIODS, NUM_CHANNELS, NUM_COMPONENTS)
    return {
        **calibration_fields(),
        "/calibration/snr": np.ones(shape),
        "/calibration/deltaSampleSize": np.array([2e-3, 2e-3, 1e-3]),
        "/acquisition/receiver/transferFunction": np.full(shape[1:], 2 - 1j),
    }


def read_all(path):
    with MDFFile(path) as file:
        assert isinstance(file.is_simulation, bool)
        for _, block in file.measurement.by_frame():
            assert np.isfinite(block).all()
        assert len(list(file.measurement.by_bin())) > 0
        if file.calibration is not None and file.calibration.field_of_view_m is not None:
            assert file.calibration.positions_m.shape[1] == 3


@pytest.mark.parametrize(
    "fields", [measured_fields(), calibration_fields()], ids=["scan", "matrix"]
)
def test_any_field_may_be_anything(tmp_path_factory, fields):
    path = tmp_path_factory.mktemp("fuzz") / "file.mdf"
    changes = st.dictionaries(
        st.sampled_from(sorted(fields)), st.one_of(SPECIAL, ARRAYS), max_size=2
    )

    @MANY_EXAMPLES
    @given(changes)
    def check(changed):
        write_hdf5(path, fields | changed)
        try:
            read_all(path)
        except InputError as error:
            assert "\n" not in str(error)

    check()


def test_a_system_matrix_of_any_fields_is_read_or_refused(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "matrix.mdf"
    fields = system_matrix_fields()
    changes = st.dictionaries(
        st.sampled_from(sorted(fields)), st.one_of(SPECIAL, ARRAYS), max_size=2
    )

    @MANY_EXAMPLES
    @given(changes, OPTIONS)
    def check(changed, options):
        write_hdf5(path, fields | changed)
        try:
            system = read_measured(MeasuredMatrix(path=str(path), **options), SCANNER)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert system.matrix.isfinite().all()
            assert system.model((4, 4)).matrix().isfinite().all()

    check()
