"""Argument checks that the data sources share."""

import operator


def whole(name: str, value: object, minimum: int = 1) -> int:
    """`value` as an int; ValueError unless it is a whole number of at least `minimum`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < minimum:
        raise ValueError(f"{name} must be a whole number of at least {minimum}, got {value!r}")
    return number
