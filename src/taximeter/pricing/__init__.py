"""Integer rates, and what a usage costs at them."""

from taximeter.pricing.breakdown import Breakdown, Component
from taximeter.pricing.catalog import Catalog
from taximeter.pricing.cost import Cost
from taximeter.pricing.override import Override

__all__ = ["Breakdown", "Catalog", "Component", "Cost", "Override"]
