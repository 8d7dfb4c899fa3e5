"""How the process holds on to memory between training steps."""

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of <malloc.h>


def keep_freed_memory() -> None:
    """Keeps the C library from handing freed memory back to the kernel after every step.

    A CPU training frees and takes the same large blocks in each step. By default glibc returns
    them in between, and every page of them has to be mapped and zeroed again. Elsewhere than on
    glibc this does nothing.

    Source:
        mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, 2**30)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
