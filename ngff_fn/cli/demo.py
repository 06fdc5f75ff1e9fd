"""The pixels of ``ngff-fn demo``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cells(shape: tuple[int, int, int] = (16, 192, 192), count: int = 24) -> NDArray[np.uint16]:
    """Nuclei and the bodies of their cells, always the same: ellipsoids with soft edges, and the noise of photons."""
    random = np.random.default_rng(seed=1)
    grid = np.ogrid[tuple(map(slice, shape))]
    light = np.zeros((2, *shape), np.float32)
    for _ in range(count):
        centre = random.uniform(0.1, 0.9, size=3) * shape
        radii = random.uniform((3, 8, 8), (5, 14, 14))
        # 1 on the border of the nucleus, 1.8 on that of the cell
        distance = np.sqrt(
            sum(((at - middle) / radius) ** 2 for at, middle, radius in zip(grid, centre, radii, strict=True))
        )
        brightness = random.uniform(0.5, 1.5)
        for channel, (border, photons) in enumerate([(1.0, 900), (1.8, 500)]):
            ellipsoid = brightness * photons / (1 + np.exp((distance - border) * 8))
            np.maximum(light[channel], ellipsoid, out=light[channel])
    background = 100
    return random.poisson(light + background).astype(np.uint16)
