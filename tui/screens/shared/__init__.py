"""Code that several screens share. It does not depend on any of them."""
