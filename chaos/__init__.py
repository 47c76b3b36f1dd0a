"""Everything that can break, breaks on purpose here; then every log is held against PostgreSQL."""
