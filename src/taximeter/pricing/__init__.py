"""Integer rates, and what a usage costs at them."""
