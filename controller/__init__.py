"""From a demand profile to a reviewed change of capacity."""
