"""Where the name of a group of points may stand on a map."""

from __future__ import annotations

import numpy as np

from embedscope.protocols import BoolArray, Float32Array

LEAST_SHARE = 0.5
"""Of the points around a label those that it names, at least: among others its name would mislead."""

LEAST_POINTS = 4

_MAX_TRIED = 2_000


def label_point(xy: Float32Array, is_member: BoolArray) -> int | None:
    """The member amid the densest half of the members of a group; None where that half is not compact.

    It is the member whose distance to the nearest half of the members is smallest. The half is compact if most of the
    points within that distance are members.

    Parameters
    ----------
    xy : ndarray of shape (M, 2), float32
    is_member : ndarray of shape (M,), bool
    """
    members = np.flatnonzero(is_member)
    if len(members) < LEAST_POINTS:
        return None
    if len(members) > _MAX_TRIED:
        members = members[np.linspace(0, len(members) - 1, _MAX_TRIED).astype(np.int64)]
    half = len(members) // 2
    own = xy[members]
    radius = np.array([np.partition(np.linalg.norm(own - place, axis=1), half)[half] for place in own])
    best = int(np.argmin(radius))
    is_near = np.linalg.norm(xy - own[best], axis=1) <= radius[best]
    return int(members[best]) if is_member[is_near].mean() >= LEAST_SHARE else None
