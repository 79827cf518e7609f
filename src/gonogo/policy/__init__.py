"""Policy: Cedar text decides, validated, closed by default; the registry says who may act at all."""
