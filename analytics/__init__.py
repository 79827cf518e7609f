"""What is: the one DuckDB writer, data quality, numbers, and drift."""
