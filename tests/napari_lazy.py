"""An array that is computed when it is sliced, and counts what of it was asked for."""

import numpy as np

__all__ = ["Lazy"]


class Lazy:
    """Poisson noise over waves; every pixel depends on its place alone."""

    def __init__(self, shape, dtype=np.uint16):
        self.shape, self.dtype, self.asked = shape, np.dtype(dtype), []

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def pixels(self):
        return sum(self.asked)

    def __getitem__(self, key):
        key = key if isinstance(key, tuple) else (key,)
        key = (*key, *(slice(None),) * (self.ndim - len(key)))
        ranges = [
            np.atleast_1d(np.arange(length)[each])
            for each, length in zip(key, self.shape, strict=True)
        ]
        grid = np.ix_(*ranges)
        self.asked.append(int(np.prod([len(each) for each in ranges])))
        waves = 400 + 150 * sum(np.sin(each / (9 + 4 * axis)) for axis, each in enumerate(grid))
        dice = sum(
            each.astype(np.uint64) * np.uint64(2**20 + 7) ** np.uint64(axis + 1)
            for axis, each in enumerate(grid)
        )
        for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):
            dice = (dice ^ (dice >> np.uint64(30))) * np.uint64(factor)
        uniform = [
            ((dice >> np.uint64(shift)) & np.uint64(0xFFFF)) / 65536 for shift in (0, 16, 32)
        ]
        noise = 40 * (sum(uniform) - 1.5)  # of standard deviation 20
        kept = tuple(0 if not isinstance(each, slice) else slice(None) for each in key)
        return np.rint(waves + noise).astype(self.dtype)[kept]
