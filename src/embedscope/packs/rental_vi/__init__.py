"""Room rentals in Vietnamese and English: places, prices, areas, units, abbreviations, ways of typing."""

from __future__ import annotations

from importlib.resources import files

from embedscope.measure.abbreviations import Abbreviations, parse_abbreviations
from embedscope.packs.rental_vi.attributes import (
    Attribute,
    attribute_of_type,
    conflicts,
    keeps_value,
    met_values,
    respell,
    values,
)
from embedscope.packs.rental_vi.languages import DENIALS, UNITS, language
from embedscope.packs.rental_vi.number_formats import in_another_format
from embedscope.packs.rental_vi.telex import telex_keys
from embedscope.packs.rental_vi.vietnamese import is_vietnamese
from embedscope.protocols import AttributeKind, AttributeReader, Perturbation

_KINDS = {
    Attribute.LOCATION: AttributeKind("location", read="district", is_exact=True),
    Attribute.PRICE: AttributeKind("price", read="price", is_exact=False),
    Attribute.AREA: AttributeKind("area", read="area", is_exact=False),
}


def shipped_abbreviations() -> Abbreviations:
    """What people shorten in such texts; only Vietnamese ones are changed, "ML engineer" is none."""
    text = (files(__name__) / "abbreviations.toml").read_text(encoding="utf-8")
    return parse_abbreviations(text, "abbreviations.toml", applies_to=is_vietnamese)


class RentalVi:
    """The readers of this package as the core calls them."""

    name = "rental_vi"
    kinds = tuple(_KINDS.values())
    units = UNITS
    denials = DENIALS
    perturbations = (
        Perturbation("telex", "Telex keys left in (phongf)", telex_keys),
        Perturbation("number-format", "amounts written another way", in_another_format),
        *shipped_abbreviations().perturbations,
    )
    language = staticmethod(language)
    keeps_value = staticmethod(keeps_value)
    conflicts = staticmethod(conflicts)
    met_values = staticmethod(met_values)
    values = staticmethod(values)
    respell = staticmethod(respell)

    def kind_of_type(self, type_name: str) -> AttributeKind | None:
        """What is read for a type of hard negatives: the location for "vị trí"."""
        attribute = attribute_of_type(type_name)
        return None if attribute is None else _KINDS[attribute]


PACK: AttributeReader = RentalVi()
