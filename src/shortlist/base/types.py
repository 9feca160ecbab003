"""Array types by meaning. Items and queries are integer positions everywhere inside the engine."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int32]  # positions of items in the catalogue
Rows = NDArray[np.int64]  # rows of a query batch
Moments = NDArray[np.int64]  # microseconds since the epoch
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Picture = NDArray[np.uint8]  # [height, width, 3], RGB, upright
AnyArray = NDArray[Any]
