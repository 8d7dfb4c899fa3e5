"""The runtime type checker of the tests: an int is a float, as PEP 484 says."""

import functools

from beartype import BeartypeConf, beartype

check = functools.partial(beartype, conf=BeartypeConf(is_pep484_tower=True))
