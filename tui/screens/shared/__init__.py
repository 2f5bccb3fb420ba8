"""What several screens use. Knows none of them."""
