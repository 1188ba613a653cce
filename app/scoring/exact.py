"""Exact numbers: how they are compared, rounded and written. No float appears here."""

from fractions import Fraction
from typing import overload

_CHUNK = 4000  # Python refuses to write an int of more than 4300 digits at once
_LIMIT: int = 10**_CHUNK


def millionths(figure: int | str) -> int:
    """Give a canonical figure (12 or "12.5") in millionths, as an int."""
    if isinstance(figure, int):
        return figure * 1_000_000
    whole, _, decimals = figure.partition(".")
    return int(whole + decimals.ljust(6, "0"))


def rounded(numerator: int, denominator: int, digits: int) -> int:
    """Round a non-negative quotient half up; the result counts units of 10**-digits."""
    scale: int = 10**digits
    return (2 * numerator * scale + denominator) // (2 * denominator)


def decimal(units: int, digits: int) -> str:
    """Write a count of 10**-digits with its decimal point: (833, 2) is "8.33"."""
    if not digits:
        return str(units)
    text = str(units).zfill(digits + 1)
    return f"{text[:-digits]}.{text[-digits:]}"


@overload
def shown(value: Fraction, digits: int) -> str: ...
@overload
def shown(value: Fraction | None, digits: int) -> str | None: ...
def shown(value: Fraction | None, digits: int) -> str | None:
    """Write a non-negative value as people see it: half up, always with all its digits ("8.30"); None stays None."""
    if value is None:
        return None
    return decimal(rounded(value.numerator, value.denominator, digits), digits)


@overload
def exact(value: Fraction) -> str: ...
@overload
def exact(value: Fraction | None) -> str | None: ...
def exact(value: Fraction | None) -> str | None:
    """Write a value without loss: "10" or "25/3", in lowest terms; None stays None."""
    if value is None:
        return None
    numerator, denominator = value.as_integer_ratio()
    return _digits(numerator) if denominator == 1 else f"{_digits(numerator)}/{_digits(denominator)}"


def _digits(number: int) -> str:
    """Write a non-negative int of any length (a mean over hundreds of units has thousands of digits)."""
    if number < _LIMIT:
        return str(number)
    high, low = divmod(number, _LIMIT)
    return _digits(high) + str(low).zfill(_CHUNK)


def fraction(text: str) -> Fraction:
    """Read what `exact` or `plain` wrote, however many digits it has."""
    top, _, bottom = text.partition("/")
    if len(text) < _CHUNK:
        return Fraction(text)
    return Fraction(_whole(top), _whole(bottom or "1"))


def _whole(digits: str) -> int:
    """Read a non-negative int of any length: Python refuses to read more than 4300 digits at once."""
    if len(digits) <= _CHUNK:
        return int(digits)
    return _whole(digits[:-_CHUNK]) * _LIMIT + int(digits[-_CHUNK:])


def plain(value: Fraction) -> str:
    """Write a value without loss as people would: "12.5" where six decimals will do, "25/3" where they will not."""
    millionths_of, rest = divmod(value.numerator * 1_000_000, value.denominator)
    if rest:
        return exact(value)
    text = decimal(millionths_of, 6)
    return text.rstrip("0").rstrip(".")
