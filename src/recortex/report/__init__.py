"""The report: what stages left, joined into one HTML file that stands alone."""
