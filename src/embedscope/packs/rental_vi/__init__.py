"""Room rentals in Vietnamese and English: places, prices, areas, abbreviations."""
