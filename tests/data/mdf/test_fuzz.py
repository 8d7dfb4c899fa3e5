"""Files with any one or two fields replaced by anything: read, or refused in one sentence.

Bytes are not changed here: HDF5 itself does not survive every damaged byte, whoever calls it.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mdf_files import calibration_fields, measured_fields, write_hdf5

from mpi_cascade.checks import InputError
from mpi_cascade.data.mdf import MDFFile

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

    @settings(
        max_examples=100, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(changes)
    def check(changed):
        write_hdf5(path, fields | changed)
        try:
            read_all(path)
        except InputError as error:
            assert "\n" not in str(error)

    check()
